#!/bin/bash
#SBATCH --job-name=img2dataset
#SBATCH --array=0-9            # ten parts; add %4 to run no more than four at a time
#SBATCH --cpus-per-task=16
#SBATCH --mem=16G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120    # two minutes before the end: orderly stop

# When the array is done, run the same command once without --part: it makes the missing shards.
# sbatch --dependency=afterany:$ARRAY_JOB_ID ...

exec img2dataset \
    --url_list="${URL_LIST:-urls.parquet}" --input_format=parquet --caption_col=caption \
    --output_format=webdataset --output_folder="${OUTPUT:-dataset}" \
    --processes_count=2 --thread_count=256 --image_size=256 \
    --number_sample_per_shard="${ROWS_PER_SHARD:-10000}" \
    --part="$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"

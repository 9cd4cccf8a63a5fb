#!/bin/bash
# Make a WebDataset of urls.parquet on a Slurm cluster, without any other engine:
#
#     bash examples/on_slurm.sh
#
# An array of jobs makes the dataset in parts; when all have ended, whatever became of them, one more
# job makes the shards that are still missing.  docs/parts.md explains it; docs/slurm.sh has the
# resources of a job, and the options of the run.
set -euo pipefail
job="$(cd "$(dirname "$0")/.." && pwd)/docs/slurm.sh"

array=$(sbatch --parsable "$job")
echo "array of jobs: $array"
last=$(sbatch --parsable --array=0-0 --dependency="afterany:$array" "$job")
echo "last job, for what is missing: $last"

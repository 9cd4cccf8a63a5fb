/* Baseline and progressive JPEG -> a smaller picture, from its coefficients.
 *
 * Most of the web's photos are JPEGs that become several times smaller.  Decoding them first and
 * averaging areas afterwards writes and reads every pixel of the large picture three times.  Here
 * the large picture is never made: see jpeg_weights.h and jpeg_rows.h.  A file of one scan is read
 * in one pass; of several scans the coefficients are kept, see jpeg_scans.h.
 *
 * The result is what libjpeg's full decode (accurate DCT, smooth upsampling of colours) followed
 * by OpenCV's INTER_AREA would give, but for roundings on the way, of which there are none here,
 * and for samples beyond black or white, which libjpeg clamps one by one, and we in their averages.
 *
 * Files that are odd in any way are UNSUPPORTED.  So this need not know what to do about damage; it
 * must only never read or write out of bounds.
 */
#ifndef IMG2DATASET_JPEG_SHRINK_H
#define IMG2DATASET_JPEG_SHRINK_H

#include "jpeg_decoder.h"
#include "jpeg_headers.h"
#include "jpeg_huffman.h"
#include "jpeg_intervals.h"
#include "jpeg_rows.h"
#include "jpeg_scans.h"

/* ---- the scan ---- */

/* Rows of a block whose last coefficient is at that position. */
INLINE int count_rows(int last) { return last == 0 ? ONLY_DC : last <= 9 ? HALF : ALL; }

/* Decode the blocks of an MCU, then add them: what has just been written in small pieces is slow
 * to read in large ones. */
INLINE int decode_mcu(const Decoder *decoder, Component *components, BitReader *bits, int32_t row,
                      int32_t mcu)
{
    Block blocks[MAX_BLOCKS_IN_MCU], *block = blocks;
    for (int i = 0; i < decoder->components; i++) {
        Component *component = &components[i];
        const int count = component->v * component->h;
        for (int k = 0; k < count; k++, block++) {
            for (int j = 0; j < 64; j += 16)
                *(Shorts16 *)(block->coefficients + j) = (Shorts16){0};
            block->last = decode_block(bits, component->dc, component->ac, &component->pred,
                                       block->coefficients);
            if (block->last < 0) return UNSUPPORTED;
        }
    }
    block = blocks;
    for (int i = 0; i < decoder->components; i++) {
        const Component *component = &components[i];
        for (int down = 0; down < component->v; down++)
            for (int across = 0; across < component->h; across++, block++)
                add_block(block->coefficients, component, count_rows(block->last), down,
                          row * component->v + down, mcu * component->h + across);
    }
    return DONE;
}

/* Find the ring rows to which the blocks of a row of MCUs are added. */
INLINE void set_targets(const Decoder *decoder, int32_t row)
{
    for (int i = 0; i < decoder->components; i++) {
        const Component *component = &decoder->component[i];
        for (int down = 0; down < component->v; down++) {
            const int32_t block = row * component->v + down;
            const int32_t first = component->rows.first[block];
            const int32_t count = component->rows.start[block + 1] - component->rows.start[block];
            for (int32_t k = 0; k < count; k++)
                component->target[down][k] = find_ring_row(decoder, component, first + k);
        }
    }
}

/* Decode a row of MCUs, and add it to the rings. */
INLINE int decode_mcu_row(Decoder *decoder, BitReader *bits, Progress *progress, int32_t row)
{
    BitReader local = *bits; /* in registers */
    set_targets(decoder, row);
    for (int32_t mcu = 0; mcu < decoder->mcus_per_row; mcu++) {
        if (progress->left-- == 0) {
            BitReader next = local;
            if (restart(decoder, &next, progress) != DONE) return UNSUPPORTED;
            progress->left--;
            local = next;
        }
        if (decode_mcu(decoder, decoder->component, &local, row, mcu) != DONE) return UNSUPPORTED;
    }
    *bits = local;
    return DONE;
}

/* Write the rows of the small picture that are complete after so many rows of MCUs; returns how
 * many are written. */
INLINE int32_t write_finished_rows(Decoder *decoder, int32_t mcu_rows, int32_t written,
                                   uint8_t *out)
{
    const int32_t finished = count_finished_rows(decoder, mcu_rows);
    const int32_t least = mcu_rows == decoder->mcu_rows ? 1 : DCTSIZE;
    while (finished - written >= least) {
        const int32_t count = finished - written < DCTSIZE ? finished - written : DCTSIZE;
        write_rows(decoder, written, count, out);
        written += count;
    }
    return written;
}

INLINE int decode_scan_inline(Decoder *decoder, uint8_t *out)
{
    BitReader bits;
    Progress progress = begin_scan(decoder, &bits);
    int32_t written = 0;
    for (int32_t row = 0; row < decoder->mcu_rows; row++) {
        if (decode_mcu_row(decoder, &bits, &progress, row) != DONE) return UNSUPPORTED;
        written = write_finished_rows(decoder, row + 1, written, out);
    }
    if (!is_used_up(decoder, &bits)) return UNSUPPORTED;
    return skip_last_restart(decoder, progress.marker) == EOI ? DONE : UNSUPPORTED;
}

WIDE static int decode_scan_wide(Decoder *decoder, uint8_t *out)
{
    return decode_scan_inline(decoder, out);
}

static int decode_scan(Decoder *decoder, uint8_t *out)
{
    return has_wide() ? decode_scan_wide(decoder, out) : decode_scan_inline(decoder, out);
}

/* ---- several scans ---- */

/* The positions of coefficients in rows 4 to 7. */
#define LOWER_HALF 0xffdfe0ff00f80400ull

/* Put DC where the other coefficients of a row of blocks are; well before they are read as
 * vectors, which would wait for so small a write. */
INLINE void put_dc(const Component *component, int64_t start)
{
    for (int64_t block = start; block < start + component->columns.blocks; block++)
        if (component->nonzero[block])
            component->coefficients[64 * block] = component->dc_coefficients[block];
}

/* Add the blocks of a row of MCUs to the rings. */
INLINE void add_stored_row(const Decoder *decoder, int32_t row)
{
    set_targets(decoder, row);
    for (int i = 0; i < decoder->components; i++) {
        const Component *component = &decoder->component[i];
        for (int down = 0; down < component->v; down++) {
            const int32_t block_row = row * component->v + down;
            const int64_t start = find_block(component, block_row, 0);
            put_dc(component, start);
            for (int32_t column = 0; column < component->columns.blocks; column++) {
                const int64_t block = start + column;
                const uint64_t nonzero = component->nonzero[block];
                if (nonzero)
                    add_block(component->coefficients + 64 * block, component,
                              nonzero & LOWER_HALF ? ALL : HALF, down, block_row, column);
                else
                    add_block(component->dc_coefficients + block, component, ONLY_DC, down,
                              block_row, column);
            }
        }
    }
}

INLINE void write_stored_inline(Decoder *decoder, uint8_t *out)
{
    int32_t written = 0;
    for (int32_t row = 0; row < decoder->mcu_rows; row++) {
        add_stored_row(decoder, row);
        written = write_finished_rows(decoder, row + 1, written, out);
    }
}

WIDE static void write_stored_wide(Decoder *decoder, uint8_t *out)
{
    write_stored_inline(decoder, out);
}

static void write_stored(Decoder *decoder, uint8_t *out)
{
    if (has_wide())
        write_stored_wide(decoder, out);
    else
        write_stored_inline(decoder, out);
}

static int decode_several_scans(Decoder *decoder, uint8_t *out)
{
    int status = allocate_coefficients(decoder);
    if (status == DONE) status = decode_scans(decoder);
    if (status == DONE) write_stored(decoder, out);
    return status;
}

/* ---- memory ---- */

static int make_axis_weights(BlockWeights *blockwise, int32_t size, int32_t count,
                             int is_subsampled, int32_t blocks)
{
    AreaWeights area = {0};
    int status = make_area_weights(&area, size, count, is_subsampled);
    if (status == DONE) status = make_block_weights(blockwise, &area, blocks);
    free_area_weights(&area);
    return status;
}

static int make_component_weights(Decoder *decoder, Component *component)
{
    for (const Component *other = decoder->component; other < component; other++)
        if (other->h == component->h && other->v == component->v) {
            component->columns = other->columns;
            component->rows = other->rows;
            component->shares_weights = 1;
            return DONE;
        }
    const int status = make_axis_weights(&component->columns, decoder->width, decoder->out_width,
                                         component->h < decoder->h_max,
                                         decoder->mcus_per_row * component->h);
    if (status != DONE) return status;
    return make_axis_weights(&component->rows, decoder->height, decoder->out_height,
                             component->v < decoder->v_max, decoder->mcu_rows * component->v);
}

static int allocate_component(Decoder *decoder, Component *component)
{
    const int status = make_component_weights(decoder, component);
    if (status != DONE) return status;
    for (int down = 0; down < component->v; down++) {
        component->target[down] = calloc((size_t)component->rows.max_means + 1, sizeof(Floats8 *));
        if (component->target[down] == NULL) return NO_MEMORY;
    }
    component->means = allocate_zeros(decoder->out_width, sizeof(Floats8));
    if (component->means == NULL) return NO_MEMORY;
    return DONE;
}

/* How many rows the rings have to hold: up to seven that wait for others, and from the first that
 * is not complete to the last that a row of MCUs touches. */
static int32_t count_ring_rows(const Decoder *decoder)
{
    int32_t most = 1;
    for (int32_t row = 0; row < decoder->mcu_rows; row++) {
        const int32_t finished = count_finished_rows(decoder, row);
        for (int i = 0; i < decoder->components; i++) {
            const Component *component = &decoder->component[i];
            for (int down = 0; down < component->v; down++) {
                const int32_t block = row * component->v + down;
                const int32_t *start = component->rows.start + block;
                const int32_t end = component->rows.first[block] + start[1] - start[0];
                if (end - finished > most) most = end - finished;
            }
        }
    }
    return most + DCTSIZE - 1;
}

static int allocate_buffers(Decoder *decoder)
{
    const int mcu_width = decoder->h_max * DCTSIZE, mcu_height = decoder->v_max * DCTSIZE;
    decoder->mcus_per_row = (decoder->width + mcu_width - 1) / mcu_width;
    decoder->mcu_rows = (decoder->height + mcu_height - 1) / mcu_height;
    for (int i = 0; i < decoder->components; i++) {
        const int status = allocate_component(decoder, &decoder->component[i]);
        if (status != DONE) return status;
    }
    decoder->ring_length = count_ring_rows(decoder);
    for (int i = 0; i < decoder->components; i++) {
        Component *component = &decoder->component[i];
        component->ring = allocate_zeros(
            (int64_t)decoder->ring_length * component->columns.blocks, sizeof(Floats8));
        if (component->ring == NULL) return NO_MEMORY;
    }
    decoder->line_buffer = malloc(((size_t)decoder->out_width * 3 + 4) * DCTSIZE);
    decoder->unstuffed = malloc((size_t)(decoder->end - decoder->at) + PADDING_BYTES);
    return decoder->line_buffer && decoder->unstuffed ? DONE : NO_MEMORY;
}

static void free_decoder(Decoder *decoder)
{
    for (int i = 0; i < MAX_COMPONENTS_IN_FRAME; i++) {
        Component *component = &decoder->component[i];
        if (!component->shares_weights) {
            free_block_weights(&component->columns);
            free_block_weights(&component->rows);
        }
        free(component->ring);
        free(component->target[0]);
        free(component->target[1]);
        free(component->means);
        free(component->coefficients);
        free(component->dc_coefficients);
        free(component->nonzero);
    }
    free(decoder->line_buffer);
    free(decoder->unstuffed);
    free(decoder->tables);
    free(decoder);
}

static int is_one_scan(const Decoder *decoder)
{
    return !decoder->is_progressive && decoder->scan.components == decoder->components;
}

static int shrink_jpeg(uint8_t *out, const uint8_t *data, ptrdiff_t length, int channels,
                       int width, int height, int out_width, int out_height)
{
    Decoder *decoder = allocate_zeros(1, sizeof(Decoder));
    if (decoder == NULL) return NO_MEMORY;
    decoder->width = width, decoder->height = height;
    decoder->out_width = out_width, decoder->out_height = out_height;
    decoder->tables = calloc(8, sizeof(HuffmanTable));
    int status = decoder->tables == NULL ? NO_MEMORY : read_header(decoder, data, data + length);
    if (status == DONE && decoder->components != channels) status = UNSUPPORTED;
    if (status == DONE) status = allocate_buffers(decoder);
    if (status == DONE)
        status = is_one_scan(decoder) ? decode_scan(decoder, out)
                                      : decode_several_scans(decoder, out);
    free_decoder(decoder);
    return status;
}

#endif

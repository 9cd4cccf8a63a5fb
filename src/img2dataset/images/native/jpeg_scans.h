/* Files of several scans: progressive ones, and sequential ones whose components come one by one.
 * All scans -> the coefficients of the whole picture (ITU-T T.81, A.2 and annex G).
 *
 * Their memory and their work are bounded before the first bit is read.  Only whole pictures are
 * taken: every coefficient to its last bit, each bit once and in its order, which is also where
 * libjpeg has nothing to warn of and smooths no blocks.
 */
#ifndef IMG2DATASET_JPEG_SCANS_H
#define IMG2DATASET_JPEG_SCANS_H

#include "jpeg_headers.h"
#include "jpeg_intervals.h"
#include "jpeg_progressive.h"

#define MAX_COEFFICIENT_BYTES ((int64_t)1 << 28)
#define BYTES_PER_BLOCK (int64_t)(65 * sizeof(int16_t) + sizeof(uint64_t))
#define MAX_SCANS 100                       /* real files have 3 to 20 */
#define MAX_BLOCK_VISITS ((int64_t)1 << 26) /* over all scans; an empty one takes no bits */

/* ---- memory ---- */

INLINE int32_t divide_up(int32_t value, int32_t by) { return (value + by - 1) / by; }

static int64_t count_blocks(const Decoder *decoder, const Component *component)
{
    return (int64_t)decoder->mcus_per_row * component->h * decoder->mcu_rows * component->v;
}

/* Whether the coefficients may take memory: not too many, and no more than the file can have, of
 * which each block takes a bit at least. */
static int may_allocate_coefficients(const Decoder *decoder)
{
    int64_t blocks = 0;
    for (int i = 0; i < decoder->components; i++)
        blocks += count_blocks(decoder, &decoder->component[i]);
    return blocks * BYTES_PER_BLOCK <= MAX_COEFFICIENT_BYTES &&
           blocks / 8 <= decoder->end - decoder->at;
}

static int allocate_coefficients(Decoder *decoder)
{
    if (!may_allocate_coefficients(decoder)) return UNSUPPORTED;
    for (int i = 0; i < decoder->components; i++) {
        Component *component = &decoder->component[i];
        const int64_t blocks = count_blocks(decoder, component);
        component->coefficients = allocate(blocks, 64 * sizeof(int16_t));
        component->dc_coefficients = calloc((size_t)blocks, sizeof(int16_t));
        component->nonzero = calloc((size_t)blocks, sizeof(uint64_t));
        if (!component->coefficients || !component->dc_coefficients || !component->nonzero)
            return NO_MEMORY;
        component->blocks_across =
            divide_up(divide_up(decoder->width * component->h, decoder->h_max), DCTSIZE);
        component->blocks_down =
            divide_up(divide_up(decoder->height * component->v, decoder->v_max), DCTSIZE);
    }
    return DONE;
}

INLINE int64_t find_block(const Component *component, int32_t row, int32_t column)
{
    return (int64_t)row * component->columns.blocks + column;
}

/* ---- scans of DC, and of sequential files ---- */

typedef enum { SEQUENTIAL, DC_FIRST, DC_REFINEMENT } ScanKind;

INLINE int decode_sequential(BitReader *bits, Component *component, int64_t block)
{
    Block found = {0};
    const int last = decode_block(bits, component->dc, component->ac, &component->pred,
                                  found.coefficients);
    if (last < 0) return 0;
    memcpy(component->coefficients + 64 * block, found.coefficients, 64 * sizeof(int16_t));
    component->dc_coefficients[block] = found.coefficients[0];
    component->nonzero[block] = (2ull << last) - 2;
    return 1;
}

INLINE int decode_dc_first(BitReader *bits, Component *component, int64_t block, int al)
{
    refill_bits(bits);
    if (!decode_dc(bits, component->dc, &component->pred)) return 0;
    const int value = component->pred * (1 << al);
    component->dc_coefficients[block] = (int16_t)value;
    return value >= -2048 && value <= 2047;
}

INLINE int decode_in_scan(const Decoder *decoder, Component *component, BitReader *bits,
                          int64_t block, ScanKind kind)
{
    const int al = decoder->scan.al;
    if (bits->next > bits->end + DCTSIZE) return 0;
    if (kind == SEQUENTIAL) return decode_sequential(bits, component, block);
    if (kind == DC_FIRST) return decode_dc_first(bits, component, block, al);
    refill_bits(bits);
    component->dc_coefficients[block] |= (int16_t)(receive(bits, 1) << al);
    return 1;
}

/* Decode the blocks of an MCU, which is a block in a scan of one component. */
INLINE int decode_unit(const Decoder *decoder, BitReader *bits, int32_t row, int32_t column,
                       ScanKind kind)
{
    const Scan *scan = &decoder->scan;
    if (scan->components == 1) {
        Component *component = scan->component[0];
        const int64_t block = find_block(component, row, column);
        return decode_in_scan(decoder, component, bits, block, kind);
    }
    for (int i = 0; i < scan->components; i++) {
        Component *component = scan->component[i];
        for (int down = 0; down < component->v; down++)
            for (int across = 0; across < component->h; across++) {
                const int64_t block = find_block(component, row * component->v + down,
                                                 column * component->h + across);
                if (!decode_in_scan(decoder, component, bits, block, kind)) return 0;
            }
    }
    return 1;
}

INLINE int decode_units(Decoder *decoder, BitReader *bits, Progress *progress, ScanKind kind)
{
    const Scan *scan = &decoder->scan;
    const Component *only = scan->components == 1 ? scan->component[0] : NULL;
    const int32_t down = only ? only->blocks_down : decoder->mcu_rows;
    const int32_t across = only ? only->blocks_across : decoder->mcus_per_row;
    BitReader local = *bits; /* in registers */
    for (int32_t row = 0; row < down; row++)
        for (int32_t column = 0; column < across; column++) {
            if (progress->left-- == 0) {
                *bits = local;
                if (restart(decoder, bits, progress) != DONE) return UNSUPPORTED;
                progress->left--;
                local = *bits;
            }
            if (!decode_unit(decoder, &local, row, column, kind)) return UNSUPPORTED;
        }
    *bits = local;
    return DONE;
}

/* ---- scans of AC ---- */

/* Pass over blocks of an end-of-band run, `count` at most; returns how many, or -1. */
INLINE int32_t pass_ended(BitReader *bits, Band *band, const Component *component, int64_t block,
                          int32_t count, int is_refinement)
{
    if (count > band->eobrun) count = band->eobrun;
    if (is_refinement)
        for (int64_t i = block; i < block + count; i++)
            if (!refine_ended(bits, band, component->coefficients + 64 * i, component->nonzero[i]))
                return -1;
    band->eobrun -= count;
    return count;
}

/* Decode blocks of a row up to `end`, from `column` on; returns the column behind what one
 * restart interval has of them, or -1. */
INLINE int32_t decode_ac_blocks(BitReader *bits, Band *band, const Component *component,
                                int64_t row, int32_t column, int32_t end, int is_refinement)
{
    while (column < end) {
        const int64_t block = row + column;
        if (band->eobrun > 0) {
            const int32_t passed =
                pass_ended(bits, band, component, block, end - column, is_refinement);
            if (passed < 0) return -1;
            column += passed;
            continue;
        }
        int16_t *coefficients = component->coefficients + 64 * block;
        uint64_t *nonzero = component->nonzero + block;
        if (!(is_refinement ? decode_ac_refinement(bits, band, coefficients, nonzero)
                            : decode_ac_first(bits, band, coefficients, nonzero)))
            return -1;
        column++;
    }
    return column;
}

INLINE int decode_ac_scan(Decoder *decoder, BitReader *bits, Progress *progress, int is_refinement)
{
    const Scan *scan = &decoder->scan;
    const Component *component = scan->component[0];
    Band band = {scan->ss, scan->se, scan->al, component->ac, &decoder->zero_finder, 0};
    BitReader local = *bits; /* in registers */
    for (int32_t row = 0; row < component->blocks_down; row++)
        for (int32_t column = 0, end; column < component->blocks_across; column = end) {
            if (progress->left == 0) {
                *bits = local;
                if (band.eobrun || restart(decoder, bits, progress) != DONE) return UNSUPPORTED;
                local = *bits;
            }
            const int32_t here = component->blocks_across - column;
            end = column + (here < progress->left ? here : progress->left);
            progress->left -= end - column;
            if (decode_ac_blocks(&local, &band, component, find_block(component, row, 0), column,
                                 end, is_refinement) < 0)
                return UNSUPPORTED;
        }
    *bits = local;
    return band.eobrun == 0 ? DONE : UNSUPPORTED;
}

/* ---- all scans ---- */

INLINE int decode_stored_scan_inline(Decoder *decoder, BitReader *bits, Progress *progress)
{
    const Scan *scan = &decoder->scan;
    if (!decoder->is_progressive) return decode_units(decoder, bits, progress, SEQUENTIAL);
    if (scan->ss == 0 && scan->ah) return decode_units(decoder, bits, progress, DC_REFINEMENT);
    if (scan->ss == 0) return decode_units(decoder, bits, progress, DC_FIRST);
    if (scan->ah) return decode_ac_scan(decoder, bits, progress, 1);
    return decode_ac_scan(decoder, bits, progress, 0);
}

WIDE static int decode_stored_scan_wide(Decoder *decoder, BitReader *bits, Progress *progress)
{
    return decode_stored_scan_inline(decoder, bits, progress);
}

static int decode_stored_scan(Decoder *decoder, BitReader *bits, Progress *progress)
{
    return has_wide() ? decode_stored_scan_wide(decoder, bits, progress)
                      : decode_stored_scan_inline(decoder, bits, progress);
}

static int64_t count_visits(const Decoder *decoder)
{
    int64_t blocks = 0;
    for (int i = 0; i < decoder->scan.components; i++)
        blocks += count_blocks(decoder, decoder->scan.component[i]);
    return blocks;
}

/* Whether every coefficient has come to its last bit. */
static int is_whole(const Decoder *decoder)
{
    for (int i = 0; i < decoder->components; i++)
        for (int k = 0; k < 64; k++)
            if (decoder->component[i].bits_left[k] != 0) return 0;
    return 1;
}

/* Decode the current scan and those behind it, to the end of the file. */
static int decode_scans(Decoder *decoder)
{
    int64_t visits = 0;
    make_zero_finder(&decoder->zero_finder);
    for (int scans = 1; scans <= MAX_SCANS; scans++) {
        BitReader bits;
        visits += count_visits(decoder);
        if (visits > MAX_BLOCK_VISITS) return UNSUPPORTED;
        Progress progress = begin_scan(decoder, &bits);
        if (decode_stored_scan(decoder, &bits, &progress) != DONE) return UNSUPPORTED;
        if (!is_used_up(decoder, &bits)) return UNSUPPORTED;
        const int marker = skip_last_restart(decoder, progress.marker);
        if (marker == EOI) return is_whole(decoder) ? DONE : UNSUPPORTED;
        if (read_tables(decoder, marker) != DONE) return UNSUPPORTED;
    }
    return UNSUPPORTED;
}

#endif

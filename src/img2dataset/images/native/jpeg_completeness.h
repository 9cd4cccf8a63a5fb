/* Whether the coefficients of a JPEG are all there, whatever libjpeg warns of.
 *
 * libjpeg fills up what is missing, and reports its first warning only.  So odd files are walked
 * here: every Huffman code of every scan is read, nothing is decoded (ITU-T T.81, F.2 and G.2).  A
 * picture is complete when the 64 coefficients of each component have come to their last bit; or
 * all of them to some bit, and then EOI, by which an encoder says that it wants no more of them.
 *
 * Never reads out of bounds: header bytes come from a ByteReader; a scan without bits gets zeros,
 * which are counted; `nonzero` is indexed by blocks that the frame has.
 */
#ifndef IMG2DATASET_JPEG_COMPLETENESS_H
#define IMG2DATASET_JPEG_COMPLETENESS_H

#include <stdlib.h>

#include "jpeg_codes.h"
#include "jpeg_markers.h"

#define MAX_COMPONENTS 4
#define MAX_BITS_LEFT 13 /* Al of a scan cannot be more */

typedef struct {
    int id, h, v, tq;
    int32_t blocks_across, blocks_down; /* in a scan of its own */
    int32_t stride;       /* blocks of a row, in scans of several components */
    int8_t bits_left[64]; /* bits still to come, by coefficient; -1 = nothing came */
    uint64_t *nonzero;    /* by block of a progressive file: the coefficients that are not 0 */
    WalkTable *dc, *ac;   /* of the current scan */
} WalkComponent;

typedef struct {
    int reads_codes; /* 0: scans are believed, and passed over */
    int sof, components;
    int32_t mcus_across, mcus_down, restart_interval;
    WalkComponent component[MAX_COMPONENTS];
    WalkTable tables[2][4]; /* DC, AC */
    /* of the current scan */
    int scan_components, ss, se, ah, al;
    WalkComponent *scan_component[MAX_COMPONENTS];
    int32_t eobrun; /* blocks to come that end at once */
    WalkBits bits; /* what of the file is still to come */
} Walk;

static int read_walk_table(Walk *walk, ByteReader *reader)
{
    const int kind = read_byte(reader);
    if ((kind & 15) > 3 || kind >> 4 > 1) return 0;
    WalkTable *table = &walk->tables[kind >> 4][kind & 15];
    uint8_t counts[17];
    int all = 0;
    int32_t next = 0;
    if (reader->end - reader->at < 16) return 0;
    table->is_sound = 1;
    table->is_prepared = 0;
    for (int length = 1; length <= 16; length++) {
        counts[length] = (uint8_t)read_byte(reader);
        table->valoffset[length] = all - next;
        all += counts[length];
        next += counts[length];
        if (next > (1 << length) - (counts[length] > 0)) table->is_sound = 0; /* no code is all ones */
        table->code_end[length] = next;
        next = next << 1 & 0x1ffff;
    }
    if (all > 256 || reader->end - reader->at < all) return 0;
    memcpy(table->huffval, reader->at, (size_t)all);
    reader->at += all;
    return 1;
}

static int walk_sof(Walk *walk, int marker, ByteReader reader)
{
    if (walk->components || read_byte(&reader) != 8) return 0;
    if (walk->reads_codes && (marker & 3) == 3) return 0; /* lossless: no coefficients */
    const int height = read_u16(&reader), width = read_u16(&reader), count = read_byte(&reader);
    int across = 1, down = 1;
    if (height < 1 || width < 1 || count < 1 || count > MAX_COMPONENTS) return 0;
    if (reader.end - reader.at < 3 * count) return 0;
    for (int i = 0; i < count; i++) {
        WalkComponent *component = &walk->component[i];
        component->id = read_byte(&reader);
        const int factors = read_byte(&reader);
        component->h = factors >> 4, component->v = factors & 15;
        if (component->h < 1 || component->h > 4 || component->v < 1 || component->v > 4) return 0;
        if (component->h > across) across = component->h;
        if (component->v > down) down = component->v;
        component->tq = read_byte(&reader);
        memset(component->bits_left, -1, sizeof component->bits_left);
    }
    walk->sof = marker;
    walk->components = count;
    walk->mcus_across = (width + 8 * across - 1) / (8 * across);
    walk->mcus_down = (height + 8 * down - 1) / (8 * down);
    for (int i = 0; i < count; i++) {
        WalkComponent *component = &walk->component[i];
        component->blocks_across = ((width * component->h + across - 1) / across + 7) / 8;
        component->blocks_down = ((height * component->v + down - 1) / down + 7) / 8;
        component->stride = walk->mcus_across * component->h;
    }
    return 1;
}

static int allocate_nonzero(const Walk *walk, WalkComponent *component)
{
    const int64_t blocks = (int64_t)component->stride * walk->mcus_down * component->v;
    if (component->nonzero != NULL) return DONE;
    if (blocks / 8 > walk->bits.end - walk->bits.at) return UNSUPPORTED; /* each takes a bit */
    component->nonzero = calloc((size_t)blocks, sizeof *component->nonzero);
    return component->nonzero == NULL ? NO_MEMORY : DONE;
}

/* Record which bits of which coefficients the scan brings; 0 if they are not the next ones. */
static int record_progress(Walk *walk)
{
    for (int i = 0; i < walk->scan_components; i++)
        for (int k = walk->ss; k <= walk->se; k++) {
            int8_t *left = &walk->scan_component[i]->bits_left[k];
            const int is_next =
                walk->ah ? *left == walk->ah && walk->al == walk->ah - 1 : *left < 0;
            if (walk->reads_codes && !is_next) return 0; /* else libjpeg warns */
            *left = (int8_t)walk->al;
        }
    return 1;
}

static int is_progressive(const Walk *walk) { return walk->sof == SOF2 || walk->sof == SOF10; }

static int walk_sos(Walk *walk, ByteReader reader)
{
    walk->scan_components = read_byte(&reader);
    if (walk->scan_components < 1 || walk->scan_components > walk->components) return UNSUPPORTED;
    if (reader.end - reader.at < 2 * walk->scan_components + 3) return UNSUPPORTED;
    for (int i = 0; i < walk->scan_components; i++) {
        const int id = read_byte(&reader), tables = read_byte(&reader);
        WalkComponent *component = NULL;
        for (int k = 0; k < walk->components && component == NULL; k++)
            if (walk->component[k].id == id) component = &walk->component[k];
        if (component == NULL) return UNSUPPORTED;
        component->dc = &walk->tables[0][tables >> 4 & 3];
        component->ac = &walk->tables[1][tables & 3];
        walk->scan_component[i] = component;
    }
    walk->ss = read_byte(&reader), walk->se = read_byte(&reader);
    const int bits = read_byte(&reader);
    walk->ah = bits >> 4, walk->al = bits & 15;
    if (!is_progressive(walk)) walk->ss = walk->ah = walk->al = 0, walk->se = 63;
    if (walk->ss > walk->se || walk->se > 63 || walk->al > MAX_BITS_LEFT) return UNSUPPORTED;
    if (is_progressive(walk) && (walk->ss == 0 ? walk->se != 0 : walk->scan_components != 1))
        return UNSUPPORTED;
    return record_progress(walk) ? DONE : UNSUPPORTED;
}

/* ---- codes ---- */

INLINE int walk_dc(WalkBits *bits, const WalkTable *table)
{
    const int size = decode_symbol(bits, table);
    if (size < 0 || size > 15) return 0;
    read_bits(bits, size);
    return 1;
}

static void begin_eobrun(Walk *walk, WalkBits *bits, int run)
{
    walk->eobrun = (1 << run) + read_bits(bits, run);
}

/* Pass over one symbol at position `k`; returns the position behind it, END_STEPS if it ends the
 * block, or -1. */
INLINE int walk_symbol(Walk *walk, WalkBits *bits, const WalkTable *table, int k,
                       uint64_t *nonzero)
{
    const int symbol = decode_symbol(bits, table);
    const int run = symbol >> 4, size = symbol & 15;
    if (symbol < 0) return -1;
    if (size == 0 && run < 15) {
        if (is_progressive(walk)) begin_eobrun(walk, bits, run), walk->eobrun--;
        return END_STEPS;
    }
    k += run;
    if (size == 0) return k + 1;
    if (k > walk->se) return -1;
    read_bits(bits, size);
    *nonzero |= 1ull << k;
    return k + 1;
}

/* Pass over the coefficients of a block that come here first. */
INLINE int walk_ac(Walk *walk, WalkBits *bits, const WalkTable *table, uint64_t *nonzero)
{
    const int limit = walk->se + 1;
    int k = walk->ss > 1 ? walk->ss : 1, first = k;
    uint64_t found = *nonzero, before = found;
    WalkBits saved = *bits;
    while (k < limit) {
        fill_bits(bits);
        saved = *bits, first = k, before = found;
        for (int i = 0; i < LOOKS_PER_FILL && k < limit; i++) {
            const uint32_t index = (uint32_t)(bits->buffer >> (64 - LOOK_BITS));
            const int move = table->moves[index];
            if (__builtin_expect(move == 0, 0)) { /* no coefficient is seen whole */
                k = walk_symbol(walk, bits, table, k, &found);
                if (k < 0) return 0;
                break;
            }
            pass_bits(bits, move & 31);
            found |= (uint64_t)table->nonzero[index] << k;
            k += move >> 5;
        }
    }
    if (k > limit && (k < END_STEPS || k >= END_STEPS + limit)) { /* behind the block, perhaps */
        *bits = saved, found = before;
        for (k = first; k >= 0 && k < limit;) k = walk_symbol(walk, bits, table, k, &found);
    }
    *nonzero = found;
    return k >= 0;
}

/* Pass over another bit of the coefficients that are not 0, and find those that no longer are. */
INLINE int walk_refinement(Walk *walk, WalkBits *bits, const WalkTable *table, uint64_t *nonzero)
{
    const uint64_t band = (2ull << walk->se) - 1;
    uint64_t rest = band & ~0ull << walk->ss; /* what is still to come of the block */
    while (walk->eobrun == 0 && rest) {
        const int symbol = decode_symbol(bits, table), size = symbol & 15;
        if (symbol < 0 || size > 1) return 0;
        if (size == 0 && symbol >> 4 < 15) {
            begin_eobrun(walk, bits, symbol >> 4);
            break;
        }
        read_bits(bits, size);
        uint64_t zeros = rest & ~*nonzero;
        for (int run = symbol >> 4; run > 0; run--) zeros &= zeros - 1;
        const uint64_t to = zeros & -zeros;      /* where the run leads; 0: beyond the band */
        const uint64_t passed = to | (to - 1); /* all up to there */
        pass_many_bits(bits, __builtin_popcountll(rest & *nonzero & passed));
        if (size && !to) return 0;
        if (size) *nonzero |= to;
        rest &= ~passed;
    }
    if (walk->eobrun == 0) return 1;
    pass_many_bits(bits, __builtin_popcountll(rest & *nonzero));
    walk->eobrun--;
    return 1;
}

/* Pass over a block that a run of ends has no bits for; 0 if it may have some. */
INLINE int pass_empty_block(Walk *walk, uint64_t nonzero)
{
    const uint64_t band = ((2ull << walk->se) - 1) & ~0ull << walk->ss;
    if (walk->eobrun == 0 || (walk->ah && nonzero & band)) return 0;
    walk->eobrun--;
    return 1;
}

INLINE int walk_block(Walk *walk, const WalkComponent *component, int64_t block)
{
    uint64_t unused = 0;
    uint64_t *nonzero = component->nonzero == NULL ? &unused : component->nonzero + block;
    if (pass_empty_block(walk, *nonzero)) return 1;
    WalkBits bits = walk->bits; /* in registers */
    int is_sound = 1;
    if (walk->ss == 0 && walk->ah)
        pass_many_bits(&bits, 1);
    else if (walk->ss == 0)
        is_sound = walk_dc(&bits, component->dc);
    if (is_sound && walk->se > 0)
        is_sound = walk->ah ? walk_refinement(walk, &bits, component->ac, nonzero)
                            : walk_ac(walk, &bits, component->ac, nonzero);
    walk->bits = bits;
    return is_sound && bits.buffered >= bits.padded;
}

/* ---- scans ---- */

/* Go behind the next marker, over junk and fill bytes; returns it, or 0 at the end. */
static int find_next_marker(Walk *walk)
{
    for (;;) {
        const size_t left = (size_t)(walk->bits.end - walk->bits.at);
        const uint8_t *found = left > 0 ? memchr(walk->bits.at, 0xff, left) : NULL;
        walk->bits.at = found == NULL ? walk->bits.end : found;
        if (found == NULL) return 0;
        while (walk->bits.at < walk->bits.end && *walk->bits.at == 0xff) walk->bits.at++;
        if (walk->bits.at < walk->bits.end && *walk->bits.at++ != 0) return walk->bits.at[-1];
    }
}

static void reset_bits(Walk *walk)
{
    walk->bits.buffer = 0;
    walk->bits.buffered = walk->bits.padded = 0;
    walk->eobrun = 0;
}

INLINE int walk_mcu(Walk *walk, int32_t across, int32_t down)
{
    if (walk->scan_components == 1) {
        const WalkComponent *component = walk->scan_component[0];
        return walk_block(walk, component, (int64_t)down * component->stride + across);
    }
    for (int i = 0; i < walk->scan_components; i++) {
        const WalkComponent *component = walk->scan_component[i];
        for (int y = 0; y < component->v; y++)
            for (int x = 0; x < component->h; x++) {
                const int64_t row = (int64_t)down * component->v + y;
                const int64_t column = (int64_t)across * component->h + x;
                if (!walk_block(walk, component, row * component->stride + column)) return 0;
            }
    }
    return 1;
}

/* Get ready what a scan needs besides its bits. */
static int prepare_scan(Walk *walk)
{
    for (int i = 0; i < walk->scan_components; i++) {
        WalkComponent *component = walk->scan_component[i];
        const int status = is_progressive(walk) ? allocate_nonzero(walk, component) : DONE;
        if (status != DONE) return status;
        if (walk->ss == 0 && !walk->ah) {
            if (!component->dc->is_sound) return UNSUPPORTED;
            prepare_table(component->dc, 0);
        }
        if (walk->se) {
            if (!component->ac->is_sound) return UNSUPPORTED;
            prepare_table(component->ac, 1);
        }
    }
    return DONE;
}

INLINE int walk_mcus(Walk *walk)
{
    const WalkComponent *only = walk->scan_components == 1 ? walk->scan_component[0] : NULL;
    const int32_t mcus_across = only ? only->blocks_across : walk->mcus_across;
    const int32_t mcus_down = only ? only->blocks_down : walk->mcus_down;
    int32_t in_interval = 0;
    int restarts = 0;
    reset_bits(walk);
    for (int32_t down = 0; down < mcus_down; down++)
        for (int32_t across = 0; across < mcus_across; across++, in_interval++) {
            if (walk->restart_interval && in_interval == walk->restart_interval) {
                in_interval = 0;
                if (find_next_marker(walk) != RST0 + restarts++ % 8) return UNSUPPORTED;
                reset_bits(walk);
            }
            if (!walk_mcu(walk, across, down)) return UNSUPPORTED;
        }
    return DONE;
}

WIDE static int walk_mcus_wide(Walk *walk) { return walk_mcus(walk); }

static int walk_scan(Walk *walk)
{
    const int status = prepare_scan(walk);
    if (status != DONE) return status;
    return has_wide() ? walk_mcus_wide(walk) : walk_mcus(walk);
}

/* Go to the marker behind the entropy-coded bits of a scan. */
static int skip_scan(Walk *walk)
{
    int marker;
    do
        marker = find_next_marker(walk);
    while (marker >= RST0 && marker <= RST7);
    if (marker == 0) return walk->reads_codes ? UNSUPPORTED : DONE;
    walk->bits.at -= 2;
    return DONE;
}

/* Whether all coefficients have come, but for at most so many of their lowest bits. */
static int is_complete(const Walk *walk, int max_bits_left)
{
    for (int i = 0; i < walk->components; i++)
        for (int k = 0; k < 64; k++)
            if (walk->component[i].bits_left[k] < 0 ||
                walk->component[i].bits_left[k] > max_bits_left)
                return 0;
    return walk->components > 0;
}

/* Whether the EOI just read ends a picture of coarse coefficients, whose scans end at `scans_end`:
 * bytes between them would be the rest of something else. */
static int is_ended_early(Walk *walk, const uint8_t *scans_end)
{
    walk->bits.at -= 2;
    if (walk->reads_codes && (walk->bits.at != scans_end || walk->bits.buffered - walk->bits.padded >= 8))
        return 0;
    return is_complete(walk, MAX_BITS_LEFT);
}

static int walk_segment(Walk *walk, int marker, ByteReader segment)
{
    if (marker == DHT) {
        while (segment.at < segment.end)
            if (!read_walk_table(walk, &segment)) return UNSUPPORTED;
    } else if (marker == DRI) {
        walk->restart_interval = read_u16(&segment);
        if (walk->restart_interval < 0) return UNSUPPORTED;
    } else if (marker >= SOF0 && marker <= SOF15 && marker != JPG && marker != DAC) {
        if (!walk_sof(walk, marker, segment)) return UNSUPPORTED;
    } else if (marker == SOS) {
        const int status = walk_sos(walk, segment);
        if (status != DONE) return status;
        const int is_huffman = walk->sof <= SOF2; /* and not lossless */
        return walk->reads_codes && is_huffman ? walk_scan(walk) : skip_scan(walk);
    }
    return DONE;
}

/* Walk to the end of the bits that complete the picture: DONE with walk->bits.at behind them. */
static int walk_file(Walk *walk)
{
    if (walk->bits.end - walk->bits.at < 2 || walk->bits.at[0] != 0xff || walk->bits.at[1] != SOI) return UNSUPPORTED;
    walk->bits.at += 2;
    while (!is_complete(walk, 0)) {
        const uint8_t *scans_end = walk->bits.at;
        const int marker = find_next_marker(walk);
        if (marker == 0) return UNSUPPORTED;
        if (marker == EOI) return is_ended_early(walk, scans_end) ? DONE : UNSUPPORTED;
        if (marker == TEM || (marker >= RST0 && marker <= SOI)) continue;
        ByteReader reader = {walk->bits.at, walk->bits.end}, segment;
        if (!read_segment(&reader, &segment)) return UNSUPPORTED;
        walk->bits.at = segment.end;
        const int status = walk_segment(walk, marker, segment);
        if (status != DONE) return status;
    }
    return DONE;
}

#endif

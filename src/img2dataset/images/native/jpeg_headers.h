/* The header of a JPEG and those of its scans -> a Decoder (ITU-T T.81, annex B); and whether any
 * JPEG begins here.
 *
 * A file that is odd in any way is UNSUPPORTED.
 */
#ifndef IMG2DATASET_JPEG_HEADERS_H
#define IMG2DATASET_JPEG_HEADERS_H

#include "jpeg_decoder.h"
#include "jpeg_huffman.h"
#include "jpeg_markers.h"
#include "jpeg_progressive.h"

#define MAX_AL 13
#define MAX_SAMPLING 4 /* T.81, B.2.2 */

/* ---- of a file to decode ---- */

/* Read a marker, and fill bytes in front of it; 0 if there is none. */
static int read_marker(Decoder *decoder)
{
    ByteReader reader = {decoder->at, decoder->end};
    int marker = read_byte(&reader);
    if (marker != 0xff) return 0;
    while (marker == 0xff) marker = read_byte(&reader);
    decoder->at = reader.at;
    return marker > 0 ? marker : 0;
}

/* Some encoders write a restart marker behind the last MCU, too: returns the marker behind it. */
static int skip_last_restart(Decoder *decoder, int marker)
{
    return marker >= RST0 && marker <= RST7 ? read_marker(decoder) : marker;
}

static int read_dqt(Decoder *decoder, ByteReader reader)
{
    while (reader.at < reader.end) {
        const int kind = read_byte(&reader), id = kind & 15;
        if (id > 3 || kind >> 4 > 1) return UNSUPPORTED;
        for (int k = 0; k < 64; k++) {
            const int value = kind >> 4 ? read_u16(&reader) : read_byte(&reader);
            if (value <= 0) return UNSUPPORTED;
            decoder->qtables[id][NATURAL_ORDER[k]] = (uint16_t)value;
        }
        decoder->is_qtable_defined[id] = 1;
    }
    return DONE;
}

static int read_dht(Decoder *decoder, ByteReader reader)
{
    while (reader.at < reader.end) {
        const int kind = read_byte(&reader), id = kind & 15;
        if (id > 3 || kind >> 4 > 1) return UNSUPPORTED;
        HuffmanTable *table = &decoder->tables[4 * (kind >> 4) + id];
        int all = 0;
        for (int length = 1; length <= 16; length++) {
            const int count = read_byte(&reader);
            if (count < 0) return UNSUPPORTED;
            table->code_counts[length] = (uint8_t)count;
            all += count;
        }
        if (all > 256 || reader.end - reader.at < all) return UNSUPPORTED;
        memcpy(table->huffval, reader.at, (size_t)all);
        reader.at += all;
        table->is_defined = 1;
        table->built_as = NOT_BUILT;
    }
    return DONE;
}

/* Whether colours have one sample for a pixel, or for two in a direction. */
static int has_known_sampling(Decoder *decoder)
{
    const Component *parts = decoder->component;
    int blocks = 0;
    decoder->h_max = parts[0].h;
    decoder->v_max = parts[0].v;
    for (int i = 0; i < decoder->components; i++) {
        if (parts[i].h < 1 || parts[i].h > 2 || parts[i].v < 1 || parts[i].v > 2) return 0;
        if (parts[i].h > decoder->h_max || parts[i].v > decoder->v_max) return 0;
        blocks += parts[i].h * parts[i].v;
    }
    return blocks <= MAX_BLOCKS_IN_MCU;
}

static int read_sof(Decoder *decoder, int marker, ByteReader reader)
{
    decoder->is_progressive = marker == SOF2;
    if (decoder->components || read_byte(&reader) != 8) return UNSUPPORTED;
    const int height = read_u16(&reader), width = read_u16(&reader), count = read_byte(&reader);
    if (height != decoder->height || width != decoder->width) return UNSUPPORTED;
    if ((count != 1 && count != 3) || reader.end - reader.at != 3 * count) return UNSUPPORTED;
    decoder->components = count;
    for (int i = 0; i < count; i++) {
        Component *component = &decoder->component[i];
        component->id = read_byte(&reader);
        const int factors = read_byte(&reader);
        component->h = factors >> 4;
        component->v = factors & 15;
        /* those of a single component do not matter, if they are any */
        const int is_sound = component->h >= 1 && component->h <= MAX_SAMPLING &&
                             component->v >= 1 && component->v <= MAX_SAMPLING;
        if (count == 1 && is_sound) component->h = component->v = 1;
        component->tq = read_byte(&reader);
        if (component->tq > 3) return UNSUPPORTED;
        memset(component->bits_left, -1, sizeof component->bits_left);
    }
    return has_known_sampling(decoder) ? DONE : UNSUPPORTED;
}

static void read_app(Decoder *decoder, int marker, ByteReader segment)
{
    const int64_t length = segment.end - segment.at;
    if (marker == APP0 && length >= 14 && memcmp(segment.at, "JFIF", 5) == 0) decoder->is_jfif = 1;
    if (marker == APP14 && length >= 12 && memcmp(segment.at, "Adobe", 5) == 0)
        decoder->adobe_transform = segment.at[11];
}

/* Whether colours are YCbCr, by the rules of libjpeg; those of which it warns are not. */
static int is_ycc(const Decoder *decoder)
{
    const Component *parts = decoder->component;
    if (decoder->is_jfif) return 1;
    if (decoder->adobe_transform != NO_ADOBE) return decoder->adobe_transform == 1;
    return parts[0].id != 'R' || parts[1].id != 'G' || parts[2].id != 'B';
}

/* Find the components of a scan, which are in the order of the frame, and their tables. */
static int read_scan_components(Decoder *decoder, ByteReader *reader)
{
    Scan *scan = &decoder->scan;
    Component *next = decoder->component, *end = next + decoder->components;
    for (int i = 0; i < scan->components; i++) {
        const int id = read_byte(reader), tables = read_byte(reader);
        const int dc = tables >> 4, ac = tables & 15; /* Td, Ta */
        while (next < end && next->id != id) next++;
        if (next == end || dc > 3 || ac > 3) return UNSUPPORTED;
        next->dc = &decoder->tables[dc];
        next->ac = &decoder->tables[4 + ac];
        next->pred = 0;
        scan->component[i] = next++;
    }
    return DONE;
}

/* Take over the quantisers of components whose first scan this is: later ones are for others. */
static int take_qtables(Decoder *decoder)
{
    for (int i = 0; i < decoder->scan.components; i++) {
        Component *component = decoder->scan.component[i];
        if (component->has_qtable) continue;
        if (!decoder->is_qtable_defined[component->tq]) return UNSUPPORTED;
        for (int k = 0; k < 64; k++) component->qtable[k] = decoder->qtables[component->tq][k];
        component->has_qtable = 1;
    }
    return DONE;
}

/* Record which bits of which coefficients the scan brings; UNSUPPORTED if they are not the next
 * ones. */
static int record_bits(const Scan *scan)
{
    for (int i = 0; i < scan->components; i++) {
        int8_t *left = scan->component[i]->bits_left;
        if (scan->ss > 0 && left[0] < 0) return UNSUPPORTED; /* libjpeg warns */
        for (int k = scan->ss; k <= scan->se; k++) {
            const int is_next =
                scan->ah ? left[k] == scan->ah && scan->al == scan->ah - 1 : left[k] < 0;
            if (!is_next) return UNSUPPORTED;
            left[k] = (int8_t)scan->al;
        }
    }
    return DONE;
}

/* Whether Ss, Se, Ah and Al go together (T.81, G.1.1.1). */
static int is_sound_scan(const Decoder *decoder)
{
    const Scan *scan = &decoder->scan;
    if (!decoder->is_progressive) return scan->ss == 0 && scan->se == 63 && !scan->ah && !scan->al;
    if (scan->ss == 0 ? scan->se != 0 : scan->components != 1) return 0;
    return scan->ss <= scan->se && scan->se <= 63 && scan->al <= MAX_AL;
}

static int build_scan_tables(const Decoder *decoder)
{
    const Scan *scan = &decoder->scan;
    for (int i = 0; i < scan->components; i++) {
        HuffmanTable *dc = scan->component[i]->dc, *ac = scan->component[i]->ac;
        if (scan->ss == 0 && !scan->ah && !(dc->is_defined && build_table(dc, 1)))
            return UNSUPPORTED;
        if (scan->se == 0) continue;
        if (!ac->is_defined) return UNSUPPORTED;
        if (!(decoder->is_progressive ? build_progressive_table(ac, scan->ah > 0, scan->al)
                                      : build_table(ac, 0)))
            return UNSUPPORTED;
    }
    return DONE;
}

static int read_sos(Decoder *decoder, ByteReader reader)
{
    Scan *scan = &decoder->scan;
    scan->components = read_byte(&reader);
    if (scan->components < 1 || scan->components > decoder->components) return UNSUPPORTED;
    if (reader.end - reader.at != 2 * scan->components + 3) return UNSUPPORTED;
    if (read_scan_components(decoder, &reader) != DONE) return UNSUPPORTED;
    scan->ss = read_byte(&reader), scan->se = read_byte(&reader);
    const int bits = read_byte(&reader);
    scan->ah = bits >> 4, scan->al = bits & 15;
    if (!is_sound_scan(decoder) || record_bits(scan) != DONE) return UNSUPPORTED;
    if (take_qtables(decoder) != DONE) return UNSUPPORTED;
    return build_scan_tables(decoder);
}

/* Read segments, of which the first has this marker, up to the next scan. */
static int read_tables(Decoder *decoder, int marker)
{
    for (;; marker = read_marker(decoder)) {
        ByteReader reader = {decoder->at, decoder->end}, segment;
        if (!read_segment(&reader, &segment)) return UNSUPPORTED;
        decoder->at = segment.end;
        int status = DONE;
        if (marker == DQT)
            status = read_dqt(decoder, segment);
        else if (marker == DHT)
            status = read_dht(decoder, segment);
        else if (marker >= SOF0 && marker <= SOF2)
            status = read_sof(decoder, marker, segment);
        else if (marker == DRI && segment.end - segment.at == 2)
            decoder->restart_interval = segment.at[0] << 8 | segment.at[1];
        else if (marker == SOS)
            return read_sos(decoder, segment);
        else if (is_app_or_comment(marker))
            read_app(decoder, marker, segment);
        else
            return UNSUPPORTED;
        if (status != DONE) return status;
    }
}

/* Read everything before the entropy-coded bits. */
static int read_header(Decoder *decoder, const uint8_t *data, const uint8_t *end)
{
    ByteReader reader = {data, end};
    if (read_u16(&reader) != (0xff00 | SOI)) return UNSUPPORTED;
    decoder->at = reader.at, decoder->end = end;
    decoder->adobe_transform = NO_ADOBE;
    const int status = read_tables(decoder, read_marker(decoder));
    if (status != DONE) return status;
    return decoder->components == 1 || is_ycc(decoder) ? DONE : UNSUPPORTED;
}

/* ---- of any file ---- */

/* Whether the ids of a scan are those of components of the frame. */
static int is_sound_sos(ByteReader scan, const uint8_t *ids, int known)
{
    const int count = read_byte(&scan);
    if (count < 1 || count > known || scan.end - scan.at != 2 * count + 3) return 0;
    for (int i = 0; i < count; i++, scan.at++)
        if (memchr(ids, read_byte(&scan), (size_t)known) == NULL) return 0;
    return 1;
}

static int is_sound_dqt(ByteReader segment)
{
    while (segment.at < segment.end) {
        const int kind = read_byte(&segment), size = kind >> 4 ? 128 : 64;
        if ((kind & 15) > 3 || kind >> 4 > 1 || segment.end - segment.at < size) return 0;
        segment.at += size;
    }
    return 1;
}

static int is_sound_dht(ByteReader segment)
{
    while (segment.at < segment.end) {
        const int kind = read_byte(&segment);
        int all = 0;
        if ((kind & 15) > 3 || kind >> 4 > 1 || segment.end - segment.at < 16) return 0;
        for (int i = 0; i < 16; i++) all += read_byte(&segment);
        if (all > 256 || segment.end - segment.at < all) return 0;
        segment.at += all;
    }
    return 1;
}

/* Whether `data` begins with an ordinary JPEG header, up to its first scan.  Arithmetic coding,
 * more than 8 bits, four colours and anything odd are left to libjpeg. */
static int has_plain_header(const uint8_t *data, ptrdiff_t size)
{
    ByteReader reader = {data, data + size};
    uint8_t ids[3];
    int count = 0;
    if (read_u16(&reader) != (0xff00 | SOI)) return 0;
    for (;;) {
        if (read_byte(&reader) != 0xff) return 0;
        const int marker = read_byte(&reader);
        ByteReader segment;
        if (!read_segment(&reader, &segment)) return 0;
        if (marker == SOS) return is_sound_sos(segment, ids, count);
        if (marker >= SOF0 && marker <= SOF2) {
            if (count || read_byte(&segment) != 8) return 0;
            const int height = read_u16(&segment), width = read_u16(&segment);
            count = read_byte(&segment);
            if (height < 1 || width < 1) return 0;
            if (height > MAX_DIMENSION || width > MAX_DIMENSION) return 0;
            if (count != 1 && count != 3) return 0;
            if (segment.end - segment.at != 3 * count) return 0;
            for (int i = 0; i < count; i++, segment.at += 3) {
                const int across = segment.at[1] >> 4, down = segment.at[1] & 15;
                const int most = i == 0 ? 2 : 1;
                if (across < 1 || across > most || down < 1 || down > most) return 0;
                ids[i] = segment.at[0];
            }
        } else if (marker == DQT) {
            if (!is_sound_dqt(segment)) return 0;
        } else if (marker == DHT) {
            if (!is_sound_dht(segment)) return 0;
        } else if (marker == DRI) {
            if (segment.end - segment.at != 2) return 0;
        } else if (!is_app_or_comment(marker))
            return 0;
    }
}

#endif

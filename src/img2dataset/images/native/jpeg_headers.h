/* The header of a baseline JPEG -> a Decoder (ITU-T T.81, annex B); and whether any JPEG begins
 * here.
 *
 * A file that is odd in any way is UNSUPPORTED.
 */
#ifndef IMG2DATASET_JPEG_HEADERS_H
#define IMG2DATASET_JPEG_HEADERS_H

#include "jpeg_decoder.h"
#include "jpeg_huffman.h"
#include "jpeg_markers.h"

/* ---- of a file to decode ---- */

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
    }
    return DONE;
}

static int read_sof(Decoder *decoder, ByteReader reader)
{
    if (decoder->components || read_byte(&reader) != 8) return UNSUPPORTED;
    const int height = read_u16(&reader), width = read_u16(&reader), count = read_byte(&reader);
    if (height != decoder->height || width != decoder->width) return UNSUPPORTED;
    if ((count != 1 && count != 3) || reader.end - reader.at != 3 * count) return UNSUPPORTED;
    decoder->components = count;
    for (int i = 0; i < count; i++) {
        Component *component = &decoder->component[i];
        component->id = read_byte(&reader);
        const int factors = read_byte(&reader);
        component->h = count == 1 ? 1 : factors >> 4;
        component->v = count == 1 ? 1 : factors & 15;
        component->tq = read_byte(&reader);
        if (component->tq > 3) return UNSUPPORTED;
    }
    const Component *parts = decoder->component;
    decoder->h_max = parts[0].h;
    decoder->v_max = parts[0].v;
    if (decoder->h_max < 1 || decoder->h_max > 2 || decoder->v_max < 1 || decoder->v_max > 2)
        return UNSUPPORTED;
    for (int i = 1; i < count; i++)
        if (parts[i].h != 1 || parts[i].v != 1) return UNSUPPORTED;
    return DONE;
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

static int read_sos(Decoder *decoder, ByteReader reader)
{
    const int count = read_byte(&reader);
    if (count < 1 || count != decoder->components || reader.end - reader.at != 2 * count + 3)
        return UNSUPPORTED;
    for (int i = 0; i < count; i++) {
        Component *component = &decoder->component[i];
        const int id = read_byte(&reader), tables = read_byte(&reader);
        const int dc = tables >> 4, ac = tables & 15; /* Td, Ta */
        if (id != component->id || dc > 3 || ac > 3) return UNSUPPORTED;
        component->dc = &decoder->tables[dc];
        component->ac = &decoder->tables[4 + ac];
        if (!component->dc->is_defined || !component->ac->is_defined ||
            !decoder->is_qtable_defined[component->tq])
            return UNSUPPORTED;
        for (int k = 0; k < 64; k++) {
            component->qtable[k] = decoder->qtables[component->tq][k];
        }
    }
    const int ss = read_byte(&reader), se = read_byte(&reader), ah_al = read_byte(&reader);
    if (ss != 0 || se != 63 || ah_al != 0) return UNSUPPORTED;
    if (count == 3 && !is_ycc(decoder)) return UNSUPPORTED;

    for (int i = 0; i < count; i++)
        if (!build_table(decoder->component[i].dc, 1) ||
            !build_table(decoder->component[i].ac, 0))
            return UNSUPPORTED;
    return DONE;
}

/* Read everything before the entropy-coded bits. */
static int read_header(Decoder *decoder, const uint8_t *data, const uint8_t *end)
{
    ByteReader reader = {data, end};
    if (read_u16(&reader) != (0xff00 | SOI)) return UNSUPPORTED;
    decoder->adobe_transform = NO_ADOBE;
    for (;;) {
        if (read_byte(&reader) != 0xff) return UNSUPPORTED;
        const int marker = read_byte(&reader);
        ByteReader segment;
        if (!read_segment(&reader, &segment)) return UNSUPPORTED;
        int status = DONE;
        if (marker == DQT)
            status = read_dqt(decoder, segment);
        else if (marker == DHT)
            status = read_dht(decoder, segment);
        else if (marker == SOF0 || marker == SOF1)
            status = read_sof(decoder, segment);
        else if (marker == DRI && segment.end - segment.at == 2)
            decoder->restart_interval = segment.at[0] << 8 | segment.at[1];
        else if (marker == SOS) {
            decoder->at = segment.end;
            decoder->end = end;
            return read_sos(decoder, segment);
        } else if (is_app_or_comment(marker))
            read_app(decoder, marker, segment);
        else
            return UNSUPPORTED;
        if (status != DONE) return status;
    }
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

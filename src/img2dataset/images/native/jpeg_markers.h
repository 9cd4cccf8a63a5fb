/* The marker segments of a JPEG and the bytes in them (ITU-T T.81, annex B).
 *
 * ByteReader returns bytes only up to its end, so nothing that a header says leads out of bounds.
 */
#ifndef IMG2DATASET_JPEG_MARKERS_H
#define IMG2DATASET_JPEG_MARKERS_H

#include <stdint.h>
#include <string.h>

#define DCTSIZE 8
#define MAX_DIMENSION 65500 /* pixels: libjpeg's own limit */

/* UNSUPPORTED: libjpeg shall decode the file, or say what is wrong with it. */
enum { DONE = 1, UNSUPPORTED = 0, NO_MEMORY = -1 };

enum { /* T.81, table B.1, without the 0xff in front */
    TEM = 0x01,
    SOF0 = 0xc0, /* baseline */
    SOF1 = 0xc1, /* extended sequential */
    SOF2 = 0xc2, /* progressive */
    DHT = 0xc4,
    JPG = 0xc8,
    SOF10 = 0xca, /* progressive, arithmetic coding */
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    DRI = 0xdd,
    APP0 = 0xe0,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
};

typedef struct {
    const uint8_t *at, *end;
} ByteReader;

/* -1 at the end. */
static int read_byte(ByteReader *reader) { return reader->at < reader->end ? *reader->at++ : -1; }

static int read_u16(ByteReader *reader)
{
    const int high = read_byte(reader), low = read_byte(reader);
    return high < 0 || low < 0 ? -1 : high << 8 | low;
}

static int is_app_or_comment(int marker)
{
    return (marker >= APP0 && marker <= APP15) || marker == COM;
}

/* Set `segment` to the parameters behind a marker, and `reader` behind them; 0 if the length is
 * wrong. */
static int read_segment(ByteReader *reader, ByteReader *segment)
{
    const int length = read_u16(reader);
    if (length < 2 || reader->end - reader->at < length - 2) return 0;
    *segment = (ByteReader){reader->at, reader->at + length - 2};
    reader->at = segment->end;
    return 1;
}

#endif

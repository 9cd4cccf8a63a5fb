/* The entropy-coded bits of a scan, one restart interval at a time (ITU-T T.81, B.1.1.5). */
#ifndef IMG2DATASET_JPEG_INTERVALS_H
#define IMG2DATASET_JPEG_INTERVALS_H

#include "jpeg_decoder.h"

/* Copy the bits up to the next marker, without stuffed zeros, and begin to read them.  Returns the
 * marker; 0 if there is none. */
static int begin_restart_interval(Decoder *decoder, BitReader *bits)
{
    uint8_t *to = decoder->unstuffed;
    const uint8_t *at = decoder->at, *end = decoder->end;
    int marker = 0;
    while (at < end) {
        const uint8_t *found = memchr(at, 0xff, (size_t)(end - at));
        if (found == NULL || end - found < 2) break;
        const size_t count = (size_t)(found - at) + (found[1] == 0);
        memcpy(to, at, count);
        to += count;
        at = found + 2;
        if (found[1] != 0) {
            marker = found[1];
            break;
        }
    }
    while (marker == 0xff) /* fill bytes in front of a marker */
        marker = at < end ? *at++ : 0;
    memset(to, 0, PADDING_BYTES);
    decoder->at = at;
    *bits = (BitReader){decoder->unstuffed, to, 0, 0};
    return marker;
}

/* Whether all bits of the restart interval are used up but for less than a byte. */
INLINE int is_used_up(const Decoder *decoder, const BitReader *bits)
{
    const int64_t used = (bits->next - decoder->unstuffed) * 8 - bits->count;
    const int64_t all = (bits->end - decoder->unstuffed) * 8;
    return used <= all && used > all - 8;
}

/* Where a scan is: the restart intervals that it has begun, and the marker behind the current one. */
typedef struct {
    int marker, restarts;
    int32_t left; /* MCUs of the current interval */
} Progress;

static Progress begin_scan(Decoder *decoder, BitReader *bits)
{
    const int32_t interval = decoder->restart_interval;
    return (Progress){begin_restart_interval(decoder, bits), 0, interval ? interval : INT32_MAX};
}

/* Go to the next restart interval; UNSUPPORTED if the current one does not end here. */
static int restart(Decoder *decoder, BitReader *bits, Progress *progress)
{
    if (progress->marker != RST0 + progress->restarts++ % 8 || !is_used_up(decoder, bits))
        return UNSUPPORTED;
    progress->marker = begin_restart_interval(decoder, bits);
    progress->left = decoder->restart_interval;
    for (int i = 0; i < decoder->scan.components; i++) decoder->scan.component[i]->pred = 0;
    return DONE;
}

#endif

/* Whether libjpeg would decode a JPEG to its last pixel, without decoding it.
 *
 * Only files without any oddity are proved: what jpeg_completeness.h accepts besides is left to
 * libjpeg.  A file that is proved has all codes of all coefficients, and nothing for which libjpeg
 * stops: the tables that its scans name are there and sound, components stand in the order of the
 * frame, DC coefficients cannot overflow, and EOI follows the last scan.
 */
#ifndef IMG2DATASET_JPEG_PROOF_H
#define IMG2DATASET_JPEG_PROOF_H

#include "jpeg_completeness.h"
#include "jpeg_headers.h"

#define MAX_DC_SIZE 11           /* of a difference (T.81, table F.1) */
#define MAX_PROVED_SCANS 100     /* more are refused: see bombs.py */
#define MAX_PROVED_BLOCKS 500000 /* so many differences of MAX_DC_SIZE bits stay below 2^31 */

typedef struct {
    int is_qtable_defined[4];
    int scans;
} Proof;

/* Whether all tables of a segment that is sound have only sizes that 8 bits per sample need. */
static int has_dc_sizes(ByteReader segment)
{
    while (segment.at < segment.end) {
        const int kind = read_byte(&segment);
        int all = 0;
        for (int i = 0; i < 16; i++) all += read_byte(&segment);
        for (int i = 0; i < all; i++)
            if (read_byte(&segment) > MAX_DC_SIZE && kind >> 4 == 0) return 0;
    }
    return 1;
}

static void record_qtables(Proof *proof, ByteReader segment)
{
    while (segment.at < segment.end) {
        const int kind = read_byte(&segment);
        proof->is_qtable_defined[kind & 3] = 1;
        segment.at += kind >> 4 ? 128 : 64;
    }
}

/* Whether tables of quantizers come before the first scan, and not too many blocks. */
static int is_plain_frame(const Proof *proof, const Walk *walk)
{
    int64_t blocks = 0;
    for (int i = 0; i < walk->components; i++) {
        const WalkComponent *component = &walk->component[i];
        if (component->tq > 3 || !proof->is_qtable_defined[component->tq]) return 0;
        blocks += (int64_t)component->stride * walk->mcus_down * component->v;
    }
    return blocks <= MAX_PROVED_BLOCKS;
}

/* Whether a scan names components in the order of the frame, and tables that can be there. */
static int is_plain_scan(const Walk *walk, ByteReader segment)
{
    const int count = read_byte(&segment);
    int next = 0;
    if (count < 1 || segment.end - segment.at != 2 * count + 3) return 0;
    for (int i = 0; i < count; i++) {
        const int id = read_byte(&segment), tables = read_byte(&segment);
        while (next < walk->components && walk->component[next].id != id) next++;
        if (next++ >= walk->components || tables >> 4 > 3 || (tables & 15) > 3) return 0;
    }
    return 1;
}

/* Whether the segment is one that the file may have at this place; before the first scan, its
 * form has been checked. */
static int is_plain_segment(Proof *proof, const Walk *walk, int marker, ByteReader segment)
{
    if (marker == DHT) return is_sound_dht(segment) && has_dc_sizes(segment);
    if (marker == SOS && ++proof->scans > MAX_PROVED_SCANS) return 0;
    if (marker == SOS) return is_plain_frame(proof, walk) && is_plain_scan(walk, segment);
    if (marker == DRI) return segment.end - segment.at == 2;
    if (proof->scans) return 0;
    if (marker == DQT) record_qtables(proof, segment);
    return 1;
}

static int prove_whole(Walk *walk)
{
    Proof proof = {0};
    WalkBits *bits = &walk->bits;
    if (!has_plain_header(bits->at, bits->end - bits->at)) return UNSUPPORTED;
    bits->at += 2;
    while (!is_complete(walk, 0)) {
        ByteReader reader = {bits->at, bits->end}, segment;
        const int prefix = read_byte(&reader), marker = read_byte(&reader);
        if (prefix != 0xff || marker < SOF0 || !read_segment(&reader, &segment)) return UNSUPPORTED;
        if (!is_plain_segment(&proof, walk, marker, segment)) return UNSUPPORTED;
        bits->at = reader.at;
        const int status = walk_segment(walk, marker, segment);
        if (status != DONE) return status;
        if (bits->buffered - bits->padded >= 8) return UNSUPPORTED; /* bytes behind the scan */
    }
    ByteReader reader = {bits->at, bits->end};
    return read_u16(&reader) == (0xff00 | EOI);
}

#endif

/* What a JPEG that becomes smaller needs to know of itself: its tables, its components, the scan
 * that is being read, and the rows of the small picture that are being made.
 */
#ifndef IMG2DATASET_JPEG_DECODER_H
#define IMG2DATASET_JPEG_DECODER_H

#include "jpeg_markers.h"
#include "jpeg_progressive.h"
#include "jpeg_weights.h"

#define MAX_COMPONENTS_IN_FRAME 3
#define MAX_BLOCKS_IN_MCU 10 /* T.81, B.2.3 */
#define NO_ADOBE (-1)

typedef struct {
    int id, h, v; /* C, H and V of the frame header: blocks of an MCU */
    int tq;
    int pred; /* of DC */
    HuffmanTable *dc, *ac;
    float qtable[64] __attribute__((aligned(32)));
    BlockWeights columns, rows;
    int shares_weights;  /* with another component, which frees them */
    Floats8 *ring; /* rows of the small picture, as the horizontal frequencies of each block */
    Floats8 **target[2]; /* per row of blocks of an MCU: the ring rows that it is added to */
    Floats8 *means;      /* up to eight rows of the small picture, by column */
    int has_qtable;      /* taken over at the first scan of the component */
    int8_t bits_left[64];    /* bits still to come, by coefficient; -1 = nothing came */
    /* of a file of several scans, the whole picture: for each block DC, which of the coefficients
     * 1 to 63 are not 0, by position, and, if there are such, all of them in natural order */
    int16_t *dc_coefficients;
    uint64_t *nonzero;
    int16_t *coefficients;
    int32_t blocks_across, blocks_down; /* in a scan of its own; memory has whole MCUs */
} Component;

typedef struct {
    int16_t coefficients[DISCARDED + 16];
    int last;
} __attribute__((aligned(64))) Block;

/* The scan header: Ss, Se, Ah and Al of T.81. */
typedef struct {
    int components;
    Component *component[MAX_COMPONENTS_IN_FRAME];
    int ss, se, ah, al;
} Scan;

typedef struct {
    int32_t width, height; /* of the file */
    int32_t out_width, out_height;
    int32_t ring_length; /* rows of each ring */
    int components, h_max, v_max;
    int32_t mcus_per_row, mcu_rows;
    int32_t restart_interval; /* in MCUs; 0 = none */
    int is_jfif;
    int adobe_transform; /* of APP14, or NO_ADOBE */
    Component component[MAX_COMPONENTS_IN_FRAME];
    int is_progressive;
    Scan scan; /* the current one */
    ZeroFinder zero_finder;
    uint16_t qtables[4][64];
    int is_qtable_defined[4];
    HuffmanTable *tables; /* DC 0 to 3, AC 0 to 3 */
    uint8_t *line_buffer; /* eight rows of the small picture, and a surplus behind them */
    uint8_t *unstuffed;   /* the bits up to the next marker, without stuffed zeros */
    const uint8_t *at, *end; /* what of the file is not copied there yet */
} Decoder;

#endif

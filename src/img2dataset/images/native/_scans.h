/* Whether the coefficients of a JPEG are all there, whatever libjpeg has to say about the rest.
 *
 * libjpeg fills up what is missing, and tells of its first complaint only.  So odd files are
 * walked here: every Huffman code of every scan is read, nothing is decoded.  A picture is whole
 * when each component's 64 coefficients have come to their last bit; or all of them to some bit,
 * and then its end marker: so an encoder says that it wants no more of them.
 *
 * Never reads out of bounds: header bytes come from a Reader; a scan without bits gets zeros,
 * which are counted; `seen` is indexed by blocks that the frame has.
 *
 * Included by _jpeg.c alone.  Reference: ITU-T T.81, F.2 and G.2.
 */

#define MOST_COMPONENTS 4
#define MOST_LEFT 13 /* bits: a scan cannot leave more */

typedef struct {
    int32_t beyond[17], offset[17];
    uint8_t symbols[256];
    int sound;
} Code;

typedef struct {
    int id, across, down;
    int32_t wide, high;  /* blocks, of a scan of its own */
    int32_t stride;      /* blocks, of all scans */
    int8_t left[64];     /* bits still to come, by coefficient; -1 = nothing came */
    uint64_t *seen;      /* by block: the coefficients that are not 0; of a progressive file */
    const Code *dc, *ac; /* of the current scan */
} Part;

typedef struct {
    const uint8_t *at, *end;
    int walks, frame, count;
    int32_t units_across, units_down, interval;
    Part part[MOST_COMPONENTS];
    Code codes[2][4];
    /* of the current scan */
    int members, from, to, high, low;
    Part *member[MOST_COMPONENTS];
    int32_t bands; /* blocks to come that end at once: EOBRUN */
    uint32_t held;
    int held_count, filled_up; /* bits; those that were made up */
} Walk;

static int read_code(Walk *walk, Reader *reader)
{
    const int kind = byte_of(reader);
    if ((kind & 15) > 3 || kind >> 4 > 1) return 0;
    Code *code = &walk->codes[kind >> 4][kind & 15];
    uint8_t counts[17];
    int all = 0;
    int32_t next = 0;
    if (reader->end - reader->at < 16) return 0;
    code->sound = 1;
    for (int length = 1; length <= 16; length++) {
        counts[length] = (uint8_t)byte_of(reader);
        code->offset[length] = all - next;
        all += counts[length];
        next += counts[length];
        if (next > 1 << length) code->sound = 0;
        code->beyond[length] = next;
        next = next << 1 & 0x1ffff;
    }
    if (all > 256 || reader->end - reader->at < all) return 0;
    memcpy(code->symbols, reader->at, (size_t)all);
    reader->at += all;
    return 1;
}

static int walk_frame(Walk *walk, int marker, Reader reader)
{
    if (walk->count || byte_of(&reader) != 8) return 0;
    if (walk->walks && (marker & 3) == 3) return 0; /* lossless: no coefficients */
    const int height = word_of(&reader), width = word_of(&reader), count = byte_of(&reader);
    int across = 1, down = 1;
    if (height < 1 || width < 1 || count < 1 || count > MOST_COMPONENTS) return 0;
    if (reader.end - reader.at < 3 * count) return 0;
    for (int i = 0; i < count; i++) {
        Part *part = &walk->part[i];
        part->id = byte_of(&reader);
        const int factors = byte_of(&reader);
        part->across = factors >> 4, part->down = factors & 15;
        if (part->across < 1 || part->across > 4 || part->down < 1 || part->down > 4) return 0;
        if (part->across > across) across = part->across;
        if (part->down > down) down = part->down;
        byte_of(&reader);
        memset(part->left, -1, sizeof part->left);
    }
    walk->frame = marker;
    walk->count = count;
    walk->units_across = (width + 8 * across - 1) / (8 * across);
    walk->units_down = (height + 8 * down - 1) / (8 * down);
    for (int i = 0; i < count; i++) {
        Part *part = &walk->part[i];
        part->wide = ((width * part->across + across - 1) / across + 7) / 8;
        part->high = ((height * part->down + down - 1) / down + 7) / 8;
        part->stride = walk->units_across * part->across;
    }
    return 1;
}

static int make_seen(const Walk *walk, Part *part)
{
    const int64_t blocks = (int64_t)part->stride * walk->units_down * part->down;
    if (part->seen != NULL) return DONE;
    if (blocks / 8 > walk->end - walk->at) return LEFT; /* a block takes a bit at least */
    part->seen = calloc((size_t)blocks, sizeof *part->seen);
    return part->seen == NULL ? NO_MEMORY : DONE;
}

/* Note which bits of which coefficients the scan brings; whether it is their turn. */
static int note_progress(Walk *walk)
{
    for (int i = 0; i < walk->members; i++)
        for (int k = walk->from; k <= walk->to; k++) {
            int8_t *left = &walk->member[i]->left[k];
            const int is_next = walk->high ? *left == walk->high && walk->low == walk->high - 1 : *left < 0;
            if (walk->walks && !is_next) return 0; /* of believed scans, libjpeg warns itself */
            *left = (int8_t)walk->low;
        }
    return 1;
}

static int is_progressive(const Walk *walk) { return walk->frame == 0xc2 || walk->frame == 0xca; }

static int walk_scan_header(Walk *walk, Reader reader)
{
    walk->members = byte_of(&reader);
    if (walk->members < 1 || walk->members > walk->count) return LEFT;
    if (reader.end - reader.at < 2 * walk->members + 3) return LEFT;
    for (int i = 0; i < walk->members; i++) {
        const int id = byte_of(&reader), tables = byte_of(&reader);
        Part *part = NULL;
        for (int k = 0; k < walk->count && part == NULL; k++)
            if (walk->part[k].id == id) part = &walk->part[k];
        if (part == NULL) return LEFT;
        part->dc = &walk->codes[0][tables >> 4 & 3];
        part->ac = &walk->codes[1][tables & 3];
        walk->member[i] = part;
    }
    walk->from = byte_of(&reader), walk->to = byte_of(&reader);
    const int bits = byte_of(&reader);
    walk->high = bits >> 4, walk->low = bits & 15;
    if (!is_progressive(walk)) walk->from = walk->high = walk->low = 0, walk->to = 63;
    if (walk->from > walk->to || walk->to > 63 || walk->low > MOST_LEFT) return LEFT;
    if (is_progressive(walk) && (walk->from == 0 ? walk->to != 0 : walk->members != 1)) return LEFT;
    return note_progress(walk) ? DONE : LEFT;
}

/* ---- codes ---- */

static void fill(Walk *walk)
{
    while (walk->held_count <= 24) {
        uint32_t byte = 0;
        const uint8_t *at = walk->at;
        if (at < walk->end && *at == 0xff)
            while (at + 1 < walk->end && at[1] == 0xff) at++;
        if (at < walk->end && *at != 0xff) {
            byte = *at;
            walk->at = at + 1;
        } else if (at + 1 < walk->end && at[1] == 0) {
            byte = 0xff;
            walk->at = at + 2;
        } else {
            walk->filled_up += 8;
        }
        walk->held |= byte << (24 - walk->held_count);
        walk->held_count += 8;
    }
}

static int bits_of(Walk *walk, int count) /* 0 to 16 */
{
    if (count == 0) return 0;
    if (walk->held_count < count) fill(walk);
    const uint32_t bits = walk->held >> (32 - count);
    walk->held <<= count;
    walk->held_count -= count;
    return (int)bits;
}

static int symbol_by(Walk *walk, const Code *code) /* -1: there is none */
{
    if (walk->held_count < 16) fill(walk);
    for (int length = 1; length <= 16; length++) {
        const int32_t bits = (int32_t)(walk->held >> (32 - length));
        if (bits >= code->beyond[length]) continue;
        bits_of(walk, length);
        return code->symbols[(uint8_t)(bits + code->offset[length])];
    }
    return -1;
}

static int walk_dc(Walk *walk, const Part *part)
{
    if (walk->high) return bits_of(walk, 1) >= 0;
    const int size = symbol_by(walk, part->dc);
    if (size < 0 || size > 15) return 0;
    bits_of(walk, size);
    return 1;
}

static void begin_bands(Walk *walk, int run) { walk->bands = (1 << run) + bits_of(walk, run); }

static int walk_ac(Walk *walk, const Part *part, uint64_t *seen)
{
    if (walk->bands > 0) {
        walk->bands--;
        return 1;
    }
    for (int k = walk->from > 1 ? walk->from : 1; k <= walk->to; k++) {
        const int symbol = symbol_by(walk, part->ac), run = symbol >> 4, size = symbol & 15;
        if (symbol < 0) return 0;
        if (size == 0 && run < 15) {
            if (!is_progressive(walk)) return 1;
            begin_bands(walk, run);
            walk->bands--;
            return 1;
        }
        k += run;
        if (size == 0) continue;
        if (k > walk->to) return 0;
        bits_of(walk, size);
        if (seen != NULL) *seen |= 1ull << k;
    }
    return 1;
}

/* Another bit of the coefficients that are not 0, and of those that no longer are. */
static int walk_refinement(Walk *walk, const Part *part, uint64_t *seen)
{
    int k = walk->from;
    for (; walk->bands == 0 && k <= walk->to; k++) {
        const int symbol = symbol_by(walk, part->ac), size = symbol & 15;
        int run = symbol >> 4;
        if (symbol < 0 || size > 1) return 0;
        if (size == 0 && run < 15) {
            begin_bands(walk, run);
            break;
        }
        bits_of(walk, size);
        for (; k <= walk->to; k++) {
            if (*seen >> k & 1)
                bits_of(walk, 1);
            else if (--run < 0)
                break;
        }
        if (size && k > walk->to) return 0;
        if (size) *seen |= 1ull << k;
    }
    if (walk->bands == 0) return 1;
    for (; k <= walk->to; k++)
        if (*seen >> k & 1) bits_of(walk, 1);
    walk->bands--;
    return 1;
}

static int walk_block(Walk *walk, const Part *part, int64_t block)
{
    uint64_t *seen = part->seen == NULL ? NULL : part->seen + block;
    int sound = 1;
    if (walk->from == 0) sound = walk_dc(walk, part);
    if (sound && walk->to > 0)
        sound = walk->high ? walk_refinement(walk, part, seen) : walk_ac(walk, part, seen);
    return sound && walk->held_count >= walk->filled_up;
}

/* ---- scans ---- */

/* Go to the next marker, over junk and filling, and behind it; 0 at the end. */
static int next_marker(Walk *walk)
{
    for (;;) {
        walk->at = walk->at < walk->end ? memchr(walk->at, 0xff, (size_t)(walk->end - walk->at)) : NULL;
        if (walk->at == NULL) {
            walk->at = walk->end;
            return 0;
        }
        while (walk->at < walk->end && *walk->at == 0xff) walk->at++;
        if (walk->at < walk->end && *walk->at++ != 0) return walk->at[-1];
    }
}

static void begin_interval(Walk *walk)
{
    walk->held = 0;
    walk->held_count = walk->filled_up = 0;
    walk->bands = 0;
}

static int walk_unit(Walk *walk, int32_t across, int32_t down)
{
    if (walk->members == 1) {
        const Part *part = walk->member[0];
        return walk_block(walk, part, (int64_t)down * part->stride + across);
    }
    for (int i = 0; i < walk->members; i++) {
        const Part *part = walk->member[i];
        for (int y = 0; y < part->down; y++)
            for (int x = 0; x < part->across; x++) {
                const int64_t row = (int64_t)down * part->down + y;
                if (!walk_block(walk, part, row * part->stride + across * part->across + x)) return 0;
            }
    }
    return 1;
}

static int walk_scan(Walk *walk)
{
    const Part *only = walk->members == 1 ? walk->member[0] : NULL;
    const int32_t wide = only ? only->wide : walk->units_across;
    const int32_t high = only ? only->high : walk->units_down;
    int32_t in_interval = 0;
    int restarts = 0;
    for (int i = 0; i < walk->members; i++) {
        Part *part = walk->member[i];
        const int state = is_progressive(walk) ? make_seen(walk, part) : DONE;
        if (state != DONE) return state;
        if ((walk->from == 0 && !walk->high && !part->dc->sound) || (walk->to && !part->ac->sound))
            return LEFT;
    }
    begin_interval(walk);
    for (int32_t down = 0; down < high; down++)
        for (int32_t across = 0; across < wide; across++, in_interval++) {
            if (walk->interval && in_interval == walk->interval) {
                in_interval = 0;
                if (next_marker(walk) != 0xd0 + restarts++ % 8) return LEFT;
                begin_interval(walk);
            }
            if (!walk_unit(walk, across, down)) return LEFT;
        }
    return DONE;
}

/* Go to the marker behind the bits of a scan. */
static int pass_scan(Walk *walk)
{
    int marker;
    do
        marker = next_marker(walk);
    while (marker >= 0xd0 && marker <= 0xd7);
    if (marker == 0) return walk->walks ? LEFT : DONE;
    walk->at -= 2;
    return DONE;
}

/* Whether all coefficients have come, and at most so many of their bits have not. */
static int is_complete(const Walk *walk, int most_left)
{
    for (int i = 0; i < walk->count; i++)
        for (int k = 0; k < 64; k++)
            if (walk->part[i].left[k] < 0 || walk->part[i].left[k] > most_left) return 0;
    return walk->count > 0;
}

/* Whether the end marker just read ends a picture of coarse coefficients, whose scans end at
 * `behind`: bytes between would tell of something else that was to come. */
static int is_ended(Walk *walk, const uint8_t *behind)
{
    walk->at -= 2;
    if (walk->walks && (walk->at != behind || walk->held_count - walk->filled_up >= 8)) return 0;
    return is_complete(walk, MOST_LEFT);
}

static int walk_segment(Walk *walk, int marker, Reader segment)
{
    if (marker == 0xc4) {
        while (segment.at < segment.end)
            if (!read_code(walk, &segment)) return LEFT;
    } else if (marker == 0xdd) {
        walk->interval = word_of(&segment);
        if (walk->interval < 0) return LEFT;
    } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc) {
        if (!walk_frame(walk, marker, segment)) return LEFT;
    } else if (marker == 0xda) {
        const int state = walk_scan_header(walk, segment);
        if (state != DONE) return state;
        const int is_huffman = walk->frame <= 0xc2;
        return walk->walks && is_huffman ? walk_scan(walk) : pass_scan(walk);
    }
    return DONE;
}

/* DONE with walk->at behind the bits that complete the picture. */
static int walk_file(Walk *walk)
{
    if (walk->end - walk->at < 2 || walk->at[0] != 0xff || walk->at[1] != 0xd8) return LEFT;
    walk->at += 2;
    while (!is_complete(walk, 0)) {
        const uint8_t *behind = walk->at;
        const int marker = next_marker(walk);
        if (marker == 0) return LEFT;
        if (marker == 0xd9) return is_ended(walk, behind) ? DONE : LEFT;
        if (marker == 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
        Reader reader = {walk->at, walk->end};
        const int length = word_of(&reader);
        if (length < 2 || reader.end - reader.at < length - 2) return LEFT;
        const Reader segment = {reader.at, reader.at + length - 2};
        walk->at = segment.end;
        const int state = walk_segment(walk, marker, segment);
        if (state != DONE) return state;
    }
    return DONE;
}

PyDoc_STRVAR(pixels_end_doc,
             "pixels_end(data, walks)\n--\n\n"
             "Where the scans of the JPEG `data` end that complete its picture; 0 if they do not.\n"
             "With `walks`, every Huffman code is read, and of arithmetic coding a marker must be\n"
             "behind it; without, scans are believed.  The GIL is released.");

static PyObject *pixels_end(PyObject *module, PyObject *args)
{
    Py_buffer data;
    int walks, state = NO_MEMORY;
    Py_ssize_t end = 0;
    (void)module;
    if (!PyArg_ParseTuple(args, "y*p", &data, &walks)) return NULL;
    Walk *walk = calloc(1, sizeof *walk);
    if (walk != NULL) {
        walk->at = data.buf, walk->end = walk->at + data.len, walk->walks = walks;
        Py_BEGIN_ALLOW_THREADS
        state = walk_file(walk);
        Py_END_ALLOW_THREADS
        if (state == DONE) end = walk->at - (const uint8_t *)data.buf;
        for (int i = 0; i < MOST_COMPONENTS; i++) free(walk->part[i].seen);
        free(walk);
    }
    PyBuffer_Release(&data);
    if (state == NO_MEMORY) return PyErr_NoMemory();
    return PyLong_FromSsize_t(end);
}

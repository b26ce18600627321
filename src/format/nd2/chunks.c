/* SPDX-License-Identifier: BSD-3-Clause */
/* The chunks of a file, as the map at its end lists them: names, each ended by '!', with an offset and a size. */
#include "base/checked.h"
#include "format/nd2/nd2.h"
#include "store/blocks.h"

#include <stdlib.h>
#include <string.h>

#define MAP_NAME "ND2 FILEMAP SIGNATURE NAME 0001!"
#define END_NAME "ND2 CHUNK MAP SIGNATURE 0000001!"
#define END_BYTES (sizeof END_NAME - 1 + 8)
#define TAIL_BYTES ((size_t)64 << 10)
#define FRAME_NAME "ImageDataSeq|"
#define SMALLEST_ENTRY 31 /* bytes of the entry of frame 0 */

mt_status nd2_read(const nd2_file *file, uint64_t position, void *out, size_t size, mt_error *err)
{
    return mt_store_read_at(file->store, file->key, position, out, size, err);
}

mt_status nd2_read_head(const nd2_file *file, uint64_t offset, const char *name, nd2_head *out, mt_error *err)
{
    uint8_t bytes[ND2_HEAD_BYTES + ND2_MOST_NAME];
    size_t length = strlen(name);
    if (offset > file->size || file->size - offset < ND2_HEAD_BYTES + length)
        return mt_fail(err, MT_E_CORRUPT, "chunk %s at %llu lies outside the file of %llu bytes", name,
                       (unsigned long long)offset, (unsigned long long)file->size);
    mt_status st = nd2_read(file, offset, bytes, ND2_HEAD_BYTES + length, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, ND2_HEAD_BYTES, false);
    uint32_t magic = mt_read_u32(&r), name_bytes = mt_read_u32(&r);
    out->bytes = mt_read_u64(&r);
    if (magic != ND2_MAGIC || name_bytes < length || memcmp(bytes + ND2_HEAD_BYTES, name, length) != 0)
        return mt_fail(err, MT_E_CORRUPT, "there is no chunk %s at %llu", name, (unsigned long long)offset);
    if (mt_add_u64(ND2_HEAD_BYTES, name_bytes, &offset) || offset > UINT32_MAX)
        return mt_fail(err, MT_E_CORRUPT, "the name of chunk %s has %u bytes", name, name_bytes);
    out->head = (uint32_t)offset;
    return MT_OK;
}

static const struct {
    const char *binary, *text; /* names in versions 3 and 2 */
} metadata[ND2_CHUNKS] = {
    [ND2_ATTRIBUTES] = { "ImageAttributesLV!", "ImageAttributes!" },
    [ND2_EXPERIMENT] = { "ImageMetadataLV!", "ImageMetadata!" },
    [ND2_PICTURE] = { "ImageMetadataSeqLV|0!", "ImageMetadataSeq|0!" },
    [ND2_TIMES] = { "CustomData|AcqTimesCache!", "CustomData|AcqTimesCache!" },
};

static bool is_name(const char *name, size_t length, const char *other)
{
    return strlen(other) == length && memcmp(name, other, length) == 0;
}

/* The number of a frame in the name of its chunk; false if it is another chunk. */
static bool read_number(const char *name, size_t length, uint32_t *out)
{
    size_t start = sizeof FRAME_NAME - 1;
    uint64_t number = 0;
    if (length < start + 2 || length > start + 11 || memcmp(name, FRAME_NAME, start) != 0)
        return false;
    for (size_t i = start; i + 1 < length; i++) {
        if (name[i] < '0' || name[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    *out = (uint32_t)number;
    return number <= UINT32_MAX;
}

mt_status nd2_add_chunk(nd2_file *file, mt_arena *arena, const char *name, size_t length, const nd2_chunk *chunk,
                        size_t expected, mt_error *err)
{
    nd2_index *index = &file->index;
    uint32_t number;
    for (int i = 0; i < ND2_CHUNKS; i++) {
        bool is_binary = is_name(name, length, metadata[i].binary);
        if (!is_binary && (index->is_binary[i] || !is_name(name, length, metadata[i].text)))
            continue;
        index->chunk[i] = *chunk;
        index->is_binary[i] = is_binary;
        return MT_OK;
    }
    if (!read_number(name, length, &number))
        return MT_OK;
    if (index->n_frames >= file->env->limits.max_pages)
        return mt_fail(err, MT_E_LIMIT, "more frames than max_pages (%zu)", file->env->limits.max_pages);
    nd2_frame *frames =
        mt_arena_grow(arena, index->frames, index->n_frames, &index->room, expected, sizeof *frames, err);
    if (!frames)
        return err && err->status ? err->status : MT_E_MEMORY;
    index->frames = frames;
    index->frames[index->n_frames++] = (nd2_frame) { .offset = chunk->offset, .number = number };
    return MT_OK;
}

static int compare_frames(const void *a, const void *b)
{
    const nd2_frame *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Of a frame that was written twice, the later one counts. */
static void sort_frames(nd2_index *index)
{
    size_t n = 0;
    if (index->n_frames == 0)
        return;
    qsort(index->frames, index->n_frames, sizeof *index->frames, compare_frames);
    for (size_t i = 0; i < index->n_frames; i++) {
        n -= n > 0 && index->frames[n - 1].number == index->frames[i].number;
        index->frames[n++] = (nd2_frame) { .offset = index->frames[i].offset, .number = index->frames[i].number };
    }
    index->n_frames = n;
}

nd2_frame *nd2_next_frame(const nd2_index *index, uint64_t number)
{
    size_t low = 0, high = index->n_frames;
    if (number < high && index->frames[number].number == number) /* no frame before it is missing */
        return &index->frames[number];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->frames[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->n_frames ? &index->frames[low] : NULL;
}

nd2_frame *nd2_find_frame(const nd2_index *index, uint64_t number)
{
    nd2_frame *frame = nd2_next_frame(index, number);
    return frame && frame->number == number ? frame : NULL;
}

/* Parses the map. *why says what is wrong with it. */
static mt_status parse_map(nd2_file *file, mt_arena *arena, const uint8_t *bytes, size_t size, const char **why,
                           mt_error *err)
{
    mt_reader r = mt_reader_over(bytes, size, false);
    for (;;) {
        const char *name = (const char *)bytes + r.position, *end = memchr(name, '!', mt_read_left(&r));
        size_t length = end ? (size_t)(end + 1 - name) : 0;
        if (!end || is_name(name, length, END_NAME)) {
            *why = end ? NULL : "it has no end";
            return MT_OK;
        }
        mt_read_skip(&r, length);
        nd2_chunk chunk = { .offset = mt_read_u64(&r) };
        chunk.bytes = mt_read_u64(&r);
        if (chunk.bytes == chunk.offset) /* not known */
            chunk.bytes = 0;
        if (r.failed || chunk.offset >= file->size) {
            *why = "an entry leads out of the file";
            return MT_OK;
        }
        mt_status st = nd2_add_chunk(file, arena, name, length, &chunk, size / SMALLEST_ENTRY + 1, err);
        if (st)
            return st;
    }
}

/* The last bytes of the file. */
typedef struct tail {
    uint8_t *bytes;
    size_t size;
} tail;

/* Loads the data of the map, of which the tail may be a part. */
static mt_status load_map(const nd2_file *file, const tail *last, uint64_t position, mt_arena *arena,
                          const uint8_t **out, size_t *size, mt_error *err)
{
    nd2_head head;
    size_t limit = file->env->limits.max_metadata_bytes;
    mt_status st = nd2_read_head(file, position, MAP_NAME, &head, err);
    if (st)
        return st;
    position += head.head;
    if (position > file->size || head.bytes > file->size - position)
        return mt_fail(err, MT_E_CORRUPT, "it has %llu bytes in a file of %llu", (unsigned long long)head.bytes,
                       (unsigned long long)file->size);
    if (head.bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "a chunk map of %llu bytes, more than max_metadata_bytes (%zu)",
                       (unsigned long long)head.bytes, limit);
    *size = (size_t)head.bytes;
    uint64_t start = file->size - last->size;
    if (position >= start) {
        *out = last->bytes + (position - start);
        return MT_OK;
    }
    uint8_t *bytes = mt_arena_alloc(arena, *size, 1, err);
    *out = bytes;
    return bytes ? nd2_read(file, position, bytes, *size, err) : MT_E_MEMORY;
}

/* Reads the map. MT_E_CORRUPT, with the reason: there is none, or it cannot be used. */
static mt_status read_map(nd2_file *file, const tail *last, mt_arena *arena, mt_arena *scratch, mt_error *err)
{
    const uint8_t *map = NULL, *end = last->bytes + (last->size < END_BYTES ? 0 : last->size - END_BYTES);
    const char *why = NULL;
    size_t size;
    if (last->size < END_BYTES || memcmp(end, END_NAME, sizeof END_NAME - 1) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the file does not end with it");
    mt_status st = load_map(file, last, mt_load_u64le(end + sizeof END_NAME - 1), scratch, &map, &size, err);
    if (!st)
        st = parse_map(file, arena, map, size, &why, err);
    return !st && why ? mt_fail(err, MT_E_CORRUPT, "%s", why) : st;
}

mt_status nd2_find_chunks(nd2_file *file, mt_arena *arena, mt_error *err)
{
    mt_arena *scratch;
    mt_error own = MT_ERROR_INIT;
    tail last = { .size = TAIL_BYTES };
    mt_status st = mt_arena_new(file->env, &scratch, err);
    if (st)
        return st;
    last.bytes = mt_arena_alloc(scratch, TAIL_BYTES, 1, err);
    st = last.bytes ? mt_store_read_tail(file->store, file->key, last.bytes, TAIL_BYTES, &last.size, &file->size, err)
                    : MT_E_MEMORY;
    if (!st && (st = read_map(file, &last, arena, scratch, &own)) && st != MT_E_CORRUPT)
        mt_fail(err, st, "%s", own.message);
    mt_arena_free(scratch);
    if (st == MT_E_CORRUPT && own.status) {
        file->index = (nd2_index) { .n_frames = 0 };
        st = nd2_warn(file, arena, err, "the chunk map is lost (%s): it was rebuilt by scanning the file", own.message);
        st = st ? st : nd2_scan_chunks(file, arena, err);
    }
    if (!st)
        sort_frames(&file->index);
    return st;
}

void nd2_touch(const nd2_file *file)
{
    enum { HEADER = 4096, SMALL = 64 << 10, MOST = 2 << 20 };
    mt_touch touches[ND2_CHUNKS];
    size_t n = 0;
    for (int i = 0; i < ND2_CHUNKS; i++)
        if (file->index.chunk[i].offset) {
            const nd2_chunk *chunk = &file->index.chunk[i];
            size_t bytes = chunk->bytes < SMALL ? SMALL : chunk->bytes < MOST ? (size_t)chunk->bytes : MOST;
            touches[n++] = (mt_touch) { .key = file->key, .offset = chunk->offset, .size = HEADER + bytes };
        }
    mt_blocks_touch(file->store, touches, n);
}

mt_status nd2_load(const nd2_file *file, int chunk, mt_arena *arena, uint8_t **out, size_t *size, mt_error *err)
{
    nd2_head head;
    uint64_t offset = file->index.chunk[chunk].offset;
    const char *name = file->index.is_binary[chunk] ? metadata[chunk].binary : metadata[chunk].text;
    size_t limit = file->env->limits.max_metadata_bytes;
    *out = NULL;
    *size = 0;
    if (offset == 0)
        return MT_OK;
    mt_status st = nd2_read_head(file, offset, name, &head, err);
    if (st)
        return st;
    offset += head.head;
    if (offset > file->size || head.bytes > file->size - offset)
        return mt_fail(err, MT_E_CORRUPT, "chunk %s of %llu bytes at %llu in a file of %llu", name,
                       (unsigned long long)head.bytes, (unsigned long long)offset, (unsigned long long)file->size);
    if (head.bytes > limit)
        return mt_fail(err, MT_E_LIMIT, "chunk %s of %llu bytes, more than max_metadata_bytes (%zu)", name,
                       (unsigned long long)head.bytes, limit);
    *size = (size_t)head.bytes;
    *out = mt_arena_alloc(arena, *size, 1, err);
    return *out ? nd2_read(file, offset, *out, *size, err) : MT_E_MEMORY;
}

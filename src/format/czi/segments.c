/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments: the header of a file, its directory of subblocks, and the subblocks. */
#include "format/czi/czi.h"
#include "store/blocks.h"

#include <string.h>

#define SEGMENT_HEAD CZI_SEGMENT_HEAD
#define ENTRY_HEAD 32
#define DIMENSION_BYTES 20
#define MAX_DIMENSIONS 40
#define LARGEST_ENTRY (ENTRY_HEAD + MAX_DIMENSIONS * DIMENSION_BYTES)
#define DIRECTORY_HEAD 128
#define WINDOW_BYTES ((size_t)256 << 10)

mt_status czi_read(const czi_file *file, uint64_t position, void *out, size_t size, mt_error *err)
{
    return mt_store_read_at(file->store, file->key, file->base + position, out, size, err);
}

mt_status czi_read_segment(const czi_file *file, uint64_t position, const char *id, void *start, size_t n,
                           uint64_t *allocated, mt_error *err)
{
    uint8_t bytes[SEGMENT_HEAD + CZI_MAX_START];
    if (position > file->size || file->size - position < SEGMENT_HEAD)
        return mt_fail(err, MT_E_CORRUPT, "a segment at %llu lies outside the file of %llu bytes",
                       (unsigned long long)position, (unsigned long long)file->size);
    uint64_t room = file->size - position - SEGMENT_HEAD;
    mt_status st = czi_read(file, position, bytes, SEGMENT_HEAD + (room < n ? (size_t)room : n), err);
    if (st)
        return st;
    *allocated = mt_load_u64le(bytes + 16);
    if (strncmp((const char *)bytes, id, 16) != 0)
        return mt_fail(err, MT_E_CORRUPT, "the segment at %llu is not a %s", (unsigned long long)position, id);
    if (*allocated > room || *allocated < n)
        return mt_fail(err, MT_E_CORRUPT, "the %s at %llu has %llu bytes in a file of %llu", id,
                       (unsigned long long)position, (unsigned long long)*allocated, (unsigned long long)file->size);
    memcpy(start, bytes + SEGMENT_HEAD, n);
    return MT_OK;
}

mt_status czi_read_header(czi_file *out, mt_error *err)
{
    uint8_t data[80];
    uint64_t allocated;
    mt_status st = czi_read_segment(out, 0, "ZISRAWFILE", data, sizeof data, &allocated, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(data, sizeof data, false);
    if (mt_read_u32(&r) != 1)
        return mt_fail(err, MT_E_UNSUPPORTED, "version %u of the format is not supported", mt_load_u32le(data));
    memcpy(out->primary, data + 16, 16);
    memcpy(out->guid, data + 32, 16);
    mt_read_seek(&r, 52);
    out->directory = mt_read_u64(&r);
    out->metadata = mt_read_u64(&r);
    out->update_pending = mt_read_u32(&r) != 0;
    out->attachments = mt_read_u64(&r);
    return MT_OK;
}

static mt_status open_file(mt_env *env, mt_store *store, const char *key, czi_file *out, mt_error *err)
{
    *out = (czi_file) { .env = env, .store = store, .key = key };
    mt_status st = mt_store_size(store, key, &out->size, err);
    return st ? st : czi_read_header(out, err);
}

/* The next file of a document has its number in the name, with or without a space before it. */
static mt_status name_next(const mt_source *source, mt_arena *arena, int number, const char **keys, mt_error *err)
{
    int n = (int)strlen(source->key);
    keys[0] = mt_arena_printf(arena, err, "%.*s (%d).czi", n - 4, source->key, number);
    keys[1] = mt_arena_printf(arena, err, "%.*s(%d).czi", n - 4, source->key, number);
    return keys[0] && keys[1] ? MT_OK : MT_E_MEMORY;
}

/* Prefetches the next reads of the last file and of a possible continuation in one batch. */
static void touch_next(const czi_file *last, const char *const *keys)
{
    enum { AHEAD = 256 << 10 };
    mt_touch touches[4] = { { .key = keys[0] }, { .key = keys[1] } };
    size_t n = 2;
    if (last->directory)
        touches[n++] = (mt_touch) { .key = last->key, .offset = last->base + last->directory, .size = AHEAD };
    if (last->metadata)
        touches[n++] = (mt_touch) { .key = last->key, .offset = last->base + last->metadata, .size = AHEAD };
    mt_blocks_touch(last->store, touches, n);
}

static mt_status open_next(const mt_source *source, mt_arena *arena, czi_files *files, bool *found, mt_error *err)
{
    const char *keys[2];
    *found = false;
    mt_status st = strlen(source->key) > 4 ? name_next(source, arena, files->n, keys, err) : MT_OK;
    if (st || strlen(source->key) <= 4)
        return st;
    touch_next(&files->file[files->n - 1], keys);
    for (int i = 0; i < 2 && !*found; i++) {
        mt_error own = MT_ERROR_INIT;
        uint64_t size;
        const char *key = keys[i];
        st = mt_store_size(source->store, key, &size, &own);
        if (st == MT_E_NOT_FOUND)
            continue;
        if (st)
            return mt_fail(err, st, "%s", own.message);
        if ((st = open_file(source->env, source->store, key, &files->file[files->n], err))) {
            mt_error_prefix(err, "%s, which may continue the document", key);
            return st;
        }
        *found = memcmp(files->file[files->n].primary, files->file[0].guid, 16) == 0;
    }
    return MT_OK;
}

mt_status czi_open_files(const mt_source *source, mt_arena *arena, czi_files *out, mt_error *err)
{
    static const uint8_t no_guid[16] = { 0 };
    char *key = mt_arena_strndup(arena, source->key, strlen(source->key), err);
    if (!key)
        return MT_E_MEMORY;
    mt_status st = open_file(source->env, source->store, key, &out->file[0], err);
    bool found = !st && memcmp(out->file[0].guid, no_guid, 16) != 0;
    for (out->n = 1; !st && found && out->n < CZI_MAX_FILES; out->n += found)
        st = open_next(source, arena, out, &found, err);
    return st;
}

static int32_t load_i32(const uint8_t *p) { return (int32_t)mt_load_u32le(p); }

static mt_status read_dimension(const uint8_t *p, czi_entry *e, mt_error *err)
{
    char letter = (char)p[0];
    int32_t start = load_i32(p + 4), size = load_i32(p + 8), stored = load_i32(p + 16);
    letter = letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter;
    const char *at = letter ? strchr(CZI_LETTERS, letter) : NULL;
    if (!at)
        return mt_fail(err, MT_E_UNSUPPORTED, "dimension %d is not supported", letter);
    int d = (int)(at - CZI_LETTERS);
    if (size <= 0 || stored < 0 || start > INT32_MAX - size || e->present >> d & 1)
        return mt_fail(err, MT_E_CORRUPT, "dimension %c from %d on has %d elements, %d stored", letter, start, size,
                       stored);
    e->present |= 1u << d;
    e->start[d] = start;
    e->size[d] = size;
    e->order[e->n_order++] = (uint8_t)d;
    if (d == CZI_X)
        e->stored_width = stored ? stored : size;
    if (d == CZI_Y)
        e->stored_height = stored ? stored : size;
    return MT_OK;
}

/* Reads an entry of schema DV; r may end inside it. *bytes is its size. There may be millions: each is loaded in one
 * piece. */
static mt_status read_entry(mt_reader *r, czi_entry *e, size_t *bytes, mt_error *err)
{
    const uint8_t *p = mt_read_bytes(r, ENTRY_HEAD);
    if (p && p[0] == 'D' && p[1] == 'E')
        return mt_fail(err, MT_E_UNSUPPORTED, "directory entries of the schema DE are not supported");
    if (!p || p[0] != 'D' || p[1] != 'V')
        return mt_fail(err, MT_E_CORRUPT, "a directory entry of an unknown schema");
    memset(e, 0, sizeof *e);
    e->pixel_type = load_i32(p + 2);
    e->position = mt_load_u64le(p + 6);
    e->compression = load_i32(p + 18);
    uint32_t n = mt_load_u32le(p + 28);
    p = n <= MAX_DIMENSIONS ? mt_read_bytes(r, n * (size_t)DIMENSION_BYTES) : NULL;
    if (!p)
        return mt_fail(err, MT_E_CORRUPT, "a directory entry of %u dimensions", n);
    for (uint32_t i = 0; i < n; i++) {
        mt_status st = read_dimension(p + i * (size_t)DIMENSION_BYTES, e, err);
        if (st)
            return st;
    }
    *bytes = ENTRY_HEAD + (size_t)n * DIMENSION_BYTES;
    if ((e->present & 3) != 3)
        return mt_fail(err, MT_E_CORRUPT, "a directory entry without X and Y");
    return MT_OK;
}

/* A window that moves over a file. */
typedef struct window {
    const czi_file *file;
    uint8_t *bytes;
    uint64_t at, end; /* range of the bytes in the window */
} window;

static mt_status look_at(window *w, uint64_t position, uint64_t limit, mt_reader *out, mt_error *err)
{
    uint64_t left = limit - position, wanted = left < LARGEST_ENTRY ? left : LARGEST_ENTRY;
    if (position < w->at || position + wanted > w->end) {
        w->at = position;
        w->end = position + (left < WINDOW_BYTES ? left : WINDOW_BYTES);
        mt_status st = czi_read(w->file, w->at, w->bytes, (size_t)(w->end - w->at), err);
        if (st)
            return st;
    }
    *out = mt_reader_over(w->bytes + (position - w->at), (size_t)wanted, false);
    return MT_OK;
}

static mt_status walk_directory(window *w, int file, czi_visit visit, void *user, mt_error *err)
{
    uint64_t allocated, position = w->file->directory;
    uint8_t count[4];
    mt_status st = czi_read_segment(w->file, position, "ZISRAWDIRECTORY", count, sizeof count, &allocated, err);
    if (st)
        return st;
    if (allocated < DIRECTORY_HEAD)
        return mt_fail(err, MT_E_CORRUPT, "the directory has %llu bytes", (unsigned long long)allocated);
    position += SEGMENT_HEAD;
    uint64_t end = position + allocated;
    uint32_t n = mt_load_u32le(count);
    if (n > allocated / ENTRY_HEAD)
        return mt_fail(err, MT_E_CORRUPT, "%u entries in a directory of %llu bytes", n, (unsigned long long)allocated);
    position += DIRECTORY_HEAD;
    for (uint32_t i = 0; i < n; i++) {
        czi_entry entry;
        mt_reader r;
        size_t bytes = 0;
        if ((st = look_at(w, position, end, &r, err)) || (st = read_entry(&r, &entry, &bytes, err)))
            break;
        entry.file = file;
        if ((st = visit(user, &entry, err)))
            break;
        position += bytes;
    }
    return st;
}

/* Without a directory, scans all segments: subblocks hold copies of their entries. Bytes that were never written look
 * like empty segments: at most half a gigabyte of them is scanned. */
static mt_status walk_segments(window *w, int file, czi_visit visit, void *user, mt_error *err)
{
    enum { MAX_OTHERS = 1 << 24 };
    uint64_t position = 0;
    uint32_t others = 0; /* segments that are not subblocks */
    while (w->file->size - position >= SEGMENT_HEAD) {
        mt_reader r;
        mt_status st = look_at(w, position, w->file->size, &r, err);
        if (st)
            return st;
        bool is_subblock = r.size >= 16 && memcmp(r.data, "ZISRAWSUBBLOCK", sizeof "ZISRAWSUBBLOCK") == 0;
        mt_read_skip(&r, 16);
        uint64_t allocated = mt_read_u64(&r);
        if (allocated > w->file->size - position - SEGMENT_HEAD)
            return mt_fail(err, MT_E_CORRUPT, "the segment at %llu has %llu bytes in a file of %llu",
                           (unsigned long long)position, (unsigned long long)allocated,
                           (unsigned long long)w->file->size);
        if (is_subblock) {
            czi_entry entry;
            size_t bytes;
            mt_read_skip(&r, 8 + 16);
            if ((st = read_entry(&r, &entry, &bytes, err)))
                return st;
            entry.file = file;
            entry.position = position;
            if ((st = visit(user, &entry, err)))
                return st;
        }
        others += !is_subblock;
        if (others > MAX_OTHERS)
            return mt_fail(err, MT_E_LIMIT, "without a directory: more than %d segments before %llu hold no pixels",
                           MAX_OTHERS, (unsigned long long)position);
        position += SEGMENT_HEAD + allocated;
    }
    return MT_OK;
}

static mt_status walk_files(const czi_files *files, czi_visit visit, void *user, mt_error *err)
{
    void *memory;
    mt_env *env = files->file[0].env;
    mt_status st = mt_alloc(env, WINDOW_BYTES, &memory, err);
    if (st)
        return st;
    for (int i = 0; i < files->n && !st; i++) {
        window w = { .file = &files->file[i], .bytes = memory };
        bool lost = w.file->directory == 0 || w.file->update_pending;
        st = lost ? walk_segments(&w, i, visit, user, err) : walk_directory(&w, i, visit, user, err);
    }
    mt_release(env, memory, WINDOW_BYTES);
    return st;
}

mt_status czi_walk(const czi_entries *entries, czi_visit visit, void *user, mt_error *err)
{
    if (!entries->kept)
        return walk_files(entries->files, visit, user, err);
    mt_status st = MT_OK;
    for (size_t i = 0; i < entries->n_kept && !st; i++)
        st = visit(user, &entries->kept[i], err);
    return st;
}

typedef struct keeping {
    mt_arena *arena;
    czi_entries *out;
} keeping;

static mt_status keep_entry(void *user, const czi_entry *e, mt_error *err)
{
    enum { FIRST_ROOM = 64, MOST = 16384 }; /* 2.5 MB */
    const keeping *k = user;
    czi_entries *out = k->out;
    if (out->n_kept == MOST)
        return mt_fail(err, MT_E_LIMIT, "more than %d entries", MOST);
    czi_entry *kept = mt_arena_grow(k->arena, out->kept, out->n_kept, &out->room, FIRST_ROOM, sizeof *kept, err);
    if (!kept)
        return MT_E_MEMORY;
    out->kept = kept;
    out->kept[out->n_kept++] = *e;
    return MT_OK;
}

/* Failures here are ignored: they recur, and are reported, when the entries are walked. */
czi_entries czi_find_entries(const czi_files *files, mt_arena *arena)
{
    mt_error ignored = MT_ERROR_INIT;
    czi_entries out = { .files = files };
    if (walk_files(files, keep_entry, &(keeping) { arena, &out }, &ignored))
        out.kept = NULL;
    return out;
}

mt_status czi_find_data(const czi_file *file, uint64_t position, czi_subblock *out, mt_error *err)
{
    enum { FIXED = 16 + ENTRY_HEAD, SMALLEST = 256 };
    uint8_t data[FIXED];
    uint64_t allocated;
    mt_status st = czi_read_segment(file, position, "ZISRAWSUBBLOCK", data, sizeof data, &allocated, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(data, sizeof data, false);
    uint64_t metadata = mt_read_u32(&r), attachment = mt_read_u32(&r), size = mt_read_u64(&r);
    mt_read_seek(&r, FIXED - 4);
    uint64_t n = mt_read_u32(&r), head = FIXED + (n <= MAX_DIMENSIONS ? n : MAX_DIMENSIONS) * DIMENSION_BYTES;
    head = head > SMALLEST ? head : SMALLEST;
    if (head + metadata > allocated || size > allocated - head - metadata)
        return mt_fail(err, MT_E_CORRUPT, "the subblock at %llu has %llu bytes of metadata and %llu of pixels in %llu",
                       (unsigned long long)position, (unsigned long long)metadata, (unsigned long long)size,
                       (unsigned long long)allocated);
    out->metadata_offset = position + SEGMENT_HEAD + head;
    out->metadata_size = metadata;
    out->offset = out->metadata_offset + metadata;
    out->size = size;
    out->mask_offset = out->offset + size;
    uint64_t room = allocated - head - metadata - size;
    out->mask_size = attachment < room ? attachment : room;
    return MT_OK;
}

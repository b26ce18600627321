/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory blocks. They form a chain, in the order of their elements in the document, so that all places follow from it.
 * A predicted place counts once the header there has the right name; else the chain is walked. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a header: mark, size of what follows, test, bytes of data (u32 or u64), test, number of UTF-16 units. */
#define HEADER_1 18
#define HEADER_2 22

/* The longest name that is read, in UTF-16 units. They look like MemBlock_123. */
#define MAX_ID 256
#define MAX_BLOCKS ((size_t)1 << 20)
#define NOT_THERE UINT64_MAX
#define AMBIGUOUS (UINT64_MAX - 1)

static size_t header_size(const lif_file *file) { return file->version == 1 ? HEADER_1 : HEADER_2; }

void lif_predict_blocks(lif_file *file)
{
    uint64_t at = file->xml_end;
    for (size_t i = 0; i < file->n_blocks; i++) {
        lif_block *block = &file->blocks[i];
        block->head = at;
        if (at == NOT_THERE || mt_add_u64(at, header_size(file) + 2 * strlen(block->id), &at) ||
            mt_add_u64(at, block->size, &at))
            at = NOT_THERE;
    }
}

/* A header in the file. */
typedef struct header {
    uint8_t id[2 * MAX_ID]; /* UTF-16 */
    size_t n_id;            /* units */
    lif_place data;
} header;

/* Reads the header at an offset; *found is false if there is none. n_id: units of the name that are expected. */
static mt_status read_header(const lif_file *file, uint64_t at, size_t n_id, header *out, bool *found, mt_error *err)
{
    uint8_t bytes[HEADER_2 + 2 * MAX_ID];
    size_t fixed = header_size(file), size = fixed + 2 * n_id;
    *found = false;
    if (at > file->size || file->size - at < fixed || n_id > MAX_ID)
        return MT_OK;
    size = size < file->size - at ? size : (size_t)(file->size - at);
    mt_status st = mt_store_read_at(file->store, file->key, at, bytes, size, err);
    if (st)
        return st;
    mt_reader r = mt_reader_over(bytes, size, false);
    bool good = mt_read_u32(&r) == LIF_MARK;
    mt_read_skip(&r, 4);
    good &= mt_read_u8(&r) == LIF_TEST;
    out->data.size = file->version == 1 ? mt_read_u32(&r) : mt_read_u64(&r);
    good &= mt_read_u8(&r) == LIF_TEST;
    out->n_id = mt_read_u32(&r);
    out->data.offset = at + fixed + 2 * (uint64_t)out->n_id;
    size_t n = out->n_id < n_id ? out->n_id : n_id;
    const uint8_t *id = good && !r.failed ? mt_read_bytes(&r, 2 * n) : NULL;
    if (!id || out->data.offset > INT64_MAX || out->data.size > INT64_MAX - out->data.offset)
        return MT_OK;
    memcpy(out->id, id, 2 * n);
    *found = true;
    return MT_OK;
}

/* Compares a name in UTF-16 to one in ASCII. */
static int compare_id(const header *h, const char *id)
{
    size_t n = strlen(id);
    for (size_t i = 0; i < n && i < h->n_id && i < MAX_ID; i++) {
        int unit = h->id[2 * i] | h->id[2 * i + 1] << 8;
        if (unit != (unsigned char)id[i])
            return unit - (unsigned char)id[i];
    }
    return h->n_id < n ? -1 : h->n_id > n;
}

typedef struct finding {
    const lif_file *file;
    size_t block;
} finding;

/* Makes the place of a block if it is where it was predicted; offset NOT_THERE if not. */
static mt_status make_predicted(void *argument, void **data, size_t *size, mt_error *err)
{
    const finding *f = argument;
    const lif_block *block = &f->file->blocks[f->block];
    header h;
    bool found;
    mt_status st = read_header(f->file, block->head, strlen(block->id), &h, &found, err);
    if (st || (st = mt_alloc(f->file->env, sizeof(lif_place), data, err)))
        return st;
    *(lif_place *)*data = found && compare_id(&h, block->id) == 0 ? h.data : (lif_place) { .offset = NOT_THERE };
    *size = sizeof(lif_place);
    return MT_OK;
}

static int compare_blocks(const void *a, const void *b)
{
    const lif_block *x = *(lif_block *const *)a, *y = *(lif_block *const *)b;
    int order = strcmp(x->id, y->id);
    return order ? order : x < y ? -1 : x > y;
}

/* The first block with the name of a header; NULL if the document does not announce it. */
static lif_block *const *find_named(lif_block *const *sorted, size_t n, const header *h)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_id(h, sorted[middle]->id) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && compare_id(h, sorted[low]->id) == 0 ? &sorted[low] : NULL;
}

/* Images may have a block in common. */
static void share(const lif_file *file, lif_block *const *sorted, lif_place *places)
{
    for (size_t i = 1; i < file->n_blocks; i++)
        if (strcmp(sorted[i]->id, sorted[i - 1]->id) == 0)
            places[sorted[i] - file->blocks] = places[sorted[i - 1] - file->blocks];
}

/* Walks over all headers. */
static mt_status walk(const lif_file *file, lif_block *const *sorted, lif_place *places, mt_error *err)
{
    uint64_t at = file->xml_end;
    header h;
    bool found = true;
    for (size_t n = 0; n <= MAX_BLOCKS; n++) {
        mt_status st = read_header(file, at, MAX_ID, &h, &found, err);
        if (st || !found) {
            share(file, sorted, places);
            return st;
        }
        lif_block *const *first = find_named(sorted, file->n_blocks, &h);
        if (first) {
            lif_place *place = &places[*first - file->blocks];
            bool is_shared = first + 1 < sorted + file->n_blocks && strcmp(first[0]->id, first[1]->id) == 0;
            bool is_again = is_shared && place->offset != NOT_THERE;
            *place = h.data;
            if (is_again)
                place->offset = AMBIGUOUS;
        }
        at = h.data.offset + h.data.size;
    }
    return mt_fail(err, MT_E_LIMIT, "more than %zu memory blocks", MAX_BLOCKS);
}

/* Makes the places of all blocks; offset NOT_THERE for those that are not in the file. */
static mt_status make_walked(void *argument, void **data, size_t *size, mt_error *err)
{
    const lif_file *file = ((const finding *)argument)->file;
    void *memory;
    *size = file->n_blocks * sizeof(lif_place);
    mt_status st = mt_alloc(file->env, file->n_blocks * sizeof(lif_block *), &memory, err);
    if (st)
        return st;
    lif_block **sorted = memory;
    for (size_t i = 0; i < file->n_blocks; i++)
        sorted[i] = &file->blocks[i];
    qsort(sorted, file->n_blocks, sizeof *sorted, compare_blocks);
    st = mt_alloc(file->env, *size, data, err);
    lif_place *places = st ? NULL : *data;
    for (size_t i = 0; places && i < file->n_blocks; i++)
        places[i] = (lif_place) { .offset = NOT_THERE };
    if (places && (st = walk(file, sorted, places, err)))
        mt_release(file->env, places, *size);
    mt_release(file->env, memory, file->n_blocks * sizeof(lif_block *));
    return st;
}

/* Gets entry id of the index cache, and the i-th place in it. */
static mt_status get_place(const finding *f, uint64_t id, mt_cache_make make, size_t i, lif_place *out, mt_error *err)
{
    mt_cache *cache = f->file->env->index_cache;
    mt_cache_entry *entry;
    mt_status st = mt_cache_get(cache, f->file->owner, id, make, (void *)(uintptr_t)f, &entry, err);
    if (st)
        return st;
    *out = ((const lif_place *)entry->data)[i];
    mt_cache_release(cache, entry);
    return MT_OK;
}

mt_status lif_find_block(const lif_file *file, size_t block, lif_place *out, mt_error *err)
{
    const finding f = { file, block };
    const lif_block *b = &file->blocks[block];
    mt_status st = get_place(&f, block, make_predicted, 0, out, err);
    if (!st && out->offset == NOT_THERE)
        st = get_place(&f, file->n_blocks, make_walked, block, out, err);
    if (st)
        return st;
    if (out->offset == NOT_THERE)
        return mt_fail(err, MT_E_CORRUPT, "the memory block %s is not in the file, which may be cut", b->id);
    if (out->offset == AMBIGUOUS)
        return mt_fail(err, MT_E_CORRUPT, "the file has several memory blocks %s, which images have in common", b->id);
    return out->size >= b->size
               ? MT_OK
               : mt_fail(err, MT_E_CORRUPT, "the memory block %s has %llu bytes, but %llu according to the document",
                         b->id, (unsigned long long)out->size, (unsigned long long)b->size);
}

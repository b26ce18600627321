/* SPDX-License-Identifier: BSD-3-Clause */
/* The directories of a file, found one after the other on demand. The lock is not held during reads; if two threads
 * read the same directory, both find the same. */
#include "format/tiff/tiff.h"
#include "platform/thread.h"

#include <string.h>

/* Prefetched directories. Those at smaller distances are read ahead in blocks (store/blocks.h). */
enum { SMALLEST_DISTANCE = 16384, LEAD = 1024, FORESEEN_BYTES = 3072 };

struct tiff_chain {
    tiff_file file; /* only key is set until the file is opened */
    mt_lock lock;
    bool opened, missing;
    bool expected;         /* a missing file is an error */
    const mt_error *doubt; /* then why it is an error, or NULL */
    const char *why;       /* reason why the file is missing, or NULL */
    bool cut;              /* the directory after the last one is beyond the end of the file, or truncated */
    uint64_t *offsets;
    size_t n, room;
    uint64_t next; /* offset of the directory after the last one; 0: none */
    uint64_t mark; /* offset of the last page whose number is a power of two, to detect loops (Brent's algorithm) */
    /* The last prefetch: directories from page guessed_from to before foreseen, the first at guess. */
    size_t guessed_from, foreseen;
    uint64_t guess, distance;
    unsigned run;   /* pages at equal distances up to the last one */
    unsigned trust; /* most pages to foresee because they are needed, though no run is known */
};

mt_status tiff_chain_new(mt_env *env, mt_store *store, const char *key, mt_arena *arena, tiff_chain **out,
                         mt_error *err)
{
    tiff_chain *chain = mt_arena_alloc(arena, 1, sizeof *chain, err);
    char *copy = mt_arena_strndup(arena, key, strlen(key), err);
    if (!chain || !copy)
        return MT_E_MEMORY;
    chain->file = (tiff_file) { .env = env, .store = store, .key = copy };
    chain->trust = TIFF_MOST_FORESEEN;
    mt_status st = mt_lock_init(&chain->lock, NULL, NULL, err);
    if (!st)
        *out = chain;
    return st;
}

void tiff_chain_free(tiff_chain *chain)
{
    mt_lock_destroy(&chain->lock);
    if (chain->offsets)
        mt_release(chain->file.env, chain->offsets, chain->room * sizeof *chain->offsets);
}

void tiff_chain_set_missing(tiff_chain *chain, const char *why)
{
    chain->opened = chain->missing = true;
    chain->why = why;
}

void tiff_chain_set_expected(tiff_chain *chain, const mt_error *doubt)
{
    chain->expected = true;
    chain->doubt = doubt;
}

bool tiff_chain_is_expected(const tiff_chain *chain) { return chain->expected && !chain->doubt; }

bool tiff_chain_is_missing(tiff_chain *chain, const char **why)
{
    mt_lock_take(&chain->lock);
    bool missing = chain->opened && chain->missing;
    mt_lock_give(&chain->lock);
    if (why)
        *why = chain->why;
    return missing;
}

bool tiff_chain_is_known(tiff_chain *chain, uint64_t *n, bool *cut)
{
    mt_lock_take(&chain->lock);
    bool known = chain->opened && chain->next == 0;
    *n = chain->n;
    *cut = chain->cut;
    mt_lock_give(&chain->lock);
    return known;
}

const char *tiff_chain_key(const tiff_chain *chain) { return chain->file.key; }

mt_status tiff_chain_open(tiff_chain *chain, const tiff_file **out, mt_error *err)
{
    mt_lock_take(&chain->lock);
    bool opened = chain->opened;
    mt_lock_give(&chain->lock);
    if (!opened) {
        tiff_file file;
        mt_error own = MT_ERROR_INIT;
        mt_status st = tiff_open_file(chain->file.env, chain->file.store, chain->file.key, &file, &own);
        const mt_error *why = st == MT_E_NOT_FOUND && chain->doubt ? chain->doubt : &own;
        if (st && (st != MT_E_NOT_FOUND || chain->expected))
            return mt_fail(err, why->status, "%s", why->message);
        mt_lock_take(&chain->lock);
        if (!chain->opened) {
            if (!st)
                chain->file = file;
            chain->missing = st == MT_E_NOT_FOUND;
            chain->next = st ? 0 : file.first;
            chain->opened = true;
        }
        mt_lock_give(&chain->lock);
    }
    *out = chain->missing ? NULL : &chain->file;
    return MT_OK;
}

static mt_status reserve(tiff_chain *chain, mt_error *err)
{
    size_t limit = chain->file.env->limits.max_pages;
    if (chain->n >= limit)
        return mt_fail(err, MT_E_LIMIT, "more pages than max_pages (%zu)", limit);
    if (chain->n < chain->room)
        return MT_OK;
    size_t room = chain->room ? 2 * chain->room : 16, unit = sizeof *chain->offsets;
    uint64_t *moved = mt_resize(chain->file.env, chain->offsets, chain->room * unit, room * unit);
    if (!moved)
        return mt_fail(err, MT_E_MEMORY, "out of memory for the list of pages");
    chain->offsets = moved;
    chain->room = room;
    return MT_OK;
}

static uint64_t last_distance(const tiff_chain *chain)
{
    uint64_t last = chain->n ? chain->offsets[chain->n - 1] : UINT64_MAX;
    return chain->next > last ? chain->next - last : 0;
}

/* Whether the next directory lies where it was foreseen. */
static bool is_foreseen(const tiff_chain *chain)
{
    uint64_t guess = chain->guess + (chain->n - chain->guessed_from) * chain->distance;
    return chain->next >= guess - LEAD && chain->next < guess + FORESEEN_BYTES / 2;
}

/* Learns from the distance to the next directory. The lock is held. */
static void judge(tiff_chain *chain, uint64_t distance, uint64_t before)
{
    bool is_equal = distance == before;
    if (chain->n < chain->foreseen && !(is_equal = is_foreseen(chain))) {
        chain->foreseen = chain->n;
        chain->trust /= 2;
    }
    chain->run = !is_equal || distance == 0 ? 0 : chain->run + (chain->run < TIFF_MOST_FORESEEN);
}

/* tiff_chain_foresee, with the lock held. Looks beyond the page only as far as the distances have been equal before. */
static size_t foresee(tiff_chain *chain, uint64_t page, mt_touch *out)
{
    uint64_t distance = last_distance(chain), needed = page - chain->n + 1;
    if (distance < SMALLEST_DISTANCE || chain->n < chain->foreseen || !chain->file.store->costs.is_slow)
        return 0;
    uint64_t n = needed < chain->trust ? needed : chain->trust;
    n = n > chain->run ? n : chain->run;
    if (n < 2)
        return 0;
    uint64_t at = chain->next;
    size_t count = 0;
    for (; count < n && at < chain->file.size; at += distance)
        out[count++] = (mt_touch) { chain->file.key, at - LEAD, LEAD + FORESEEN_BYTES, true };
    chain->guess = chain->next;
    chain->distance = distance;
    chain->guessed_from = chain->n;
    chain->foreseen = chain->n + count;
    return count;
}

/* Appends the directory at chain->next; next is the one after it. The lock is held. */
static mt_status append(tiff_chain *chain, uint64_t next, mt_error *err)
{
    mt_status st = reserve(chain, err);
    if (st)
        return st;
    uint64_t before = last_distance(chain);
    chain->offsets[chain->n++] = chain->next;
    if ((chain->n & (chain->n - 1)) == 0)
        chain->mark = chain->next;
    if (next != 0 && next == chain->mark)
        return mt_fail(err, MT_E_CORRUPT, "the pages form a loop");
    chain->next = next;
    judge(chain, last_distance(chain), before);
    return MT_OK;
}

size_t tiff_chain_foresee(tiff_chain *chain, uint64_t page, mt_touch *out)
{
    mt_lock_take(&chain->lock);
    size_t n = page >= chain->n ? foresee(chain, page, out) : 0;
    mt_lock_give(&chain->lock);
    return n;
}

mt_status tiff_chain_find(tiff_chain *chain, uint64_t page, uint64_t *offset, mt_error *err)
{
    const tiff_file *file;
    mt_status st = tiff_chain_open(chain, &file, err);
    *offset = 0;
    if (st || !file)
        return st;
    mt_lock_take(&chain->lock);
    while (page >= chain->n && chain->next != 0) {
        uint64_t at = chain->next, next;
        size_t n = chain->n;
        bool cut = false;
        mt_touch touches[TIFF_MOST_FORESEEN];
        size_t n_touches = foresee(chain, page, touches);
        mt_lock_give(&chain->lock);
        mt_blocks_touch(file->store, touches, n_touches);
        st = tiff_read_next(file, at, &next, n > 0 ? &cut : NULL, err);
        if (st) {
            mt_error_prefix(err, "page %zu", n);
            return st;
        }
        mt_lock_take(&chain->lock);
        if (cut && n == chain->n) {
            chain->cut = true;
            chain->next = 0;
        } else if (n == chain->n && (st = append(chain, next, err))) {
            break;
        }
    }
    if (!st && page < chain->n)
        *offset = chain->offsets[page];
    mt_lock_give(&chain->lock);
    return st;
}

mt_status tiff_chain_open_page(tiff_chain *chain, uint64_t page, const tiff_file **out, mt_error *err)
{
    uint64_t offset;
    mt_status st = tiff_chain_open(chain, out, err);
    if (st || !*out || (st = tiff_chain_find(chain, page, &offset, err)))
        return st;
    if (offset == 0)
        *out = NULL;
    return MT_OK;
}

mt_status tiff_chain_read(tiff_chain *chain, uint64_t page, tiff_ifd *out, mt_error *err)
{
    uint64_t offset;
    mt_status st = tiff_chain_find(chain, page, &offset, err);
    if (st)
        return st;
    if (offset == 0 && page == 0)
        return mt_fail(err, MT_E_CORRUPT, "the file has no page: it is damaged, or was not written to the end");
    if (offset == 0)
        return mt_fail(err, MT_E_CORRUPT, "there is no page %llu", (unsigned long long)page);
    st = tiff_read_ifd(&chain->file, offset, out, err);
    if (st)
        mt_error_prefix(err, "page %llu", (unsigned long long)page);
    return st;
}

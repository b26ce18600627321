/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/ring.h"

#include "base/checked.h"

#include <string.h>

/* Pixels begin at a multiple of this, which others need to use them without a copy: JAX does, and vectorised code runs
 * faster. Memory of the caller is aligned as the caller likes. */
enum { ALIGNMENT = 64 };

struct mt_ring {
    mt_context *context;     /* retained */
    mt_allocator buffers;    /* of the pixels; resize is NULL: the context's */
    size_t n_arrays;         /* of each batch */
    _Atomic unsigned owners; /* the loader and each batch in use */
    mt_lock lock;            /* guards the fields below */
    mt_batch_memory *idle;   /* list */
    size_t n_idle, most;     /* its length and limit; most is 0 once the ring is closed */
};

mt_status mt_ring_new(mt_context *context, const mt_allocator *buffers, size_t n_arrays, size_t idle, mt_ring **out,
                      mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(&context->env, sizeof(mt_ring), &memory, err);
    if (st)
        return st;
    mt_ring *ring = memset(memory, 0, sizeof(mt_ring));
    if ((st = mt_lock_init(&ring->lock, NULL, NULL, err))) {
        mt_release(&context->env, ring, sizeof *ring);
        return st;
    }
    ring->context = mt_context_retain(context, NULL);
    ring->buffers = *buffers;
    ring->n_arrays = n_arrays;
    ring->owners = 1;
    ring->most = idle;
    *out = ring;
    return MT_OK;
}

static void *resize_pixels(mt_ring *ring, void *data, size_t from, size_t to)
{
    if (ring->buffers.resize)
        return ring->buffers.resize(ring->buffers.user, data, from, to);
    return mt_resize(&ring->context->env, data, from, to);
}

/* Bytes that the blocks of pixels have on top. */
static size_t padding_of(const mt_ring *ring) { return ring->buffers.resize ? 0 : ALIGNMENT; }

static void free_pixels(mt_ring *ring, mt_batch_memory *batch, size_t a)
{
    if (batch->sizes[a] > 0)
        resize_pixels(ring, batch->blocks[a], batch->sizes[a] + padding_of(ring), 0);
    batch->sizes[a] = 0;
}

static void free_batch(mt_ring *ring, mt_batch_memory *batch)
{
    for (size_t a = 0; a < ring->n_arrays; a++)
        free_pixels(ring, batch, a);
    mt_release(&ring->context->env, batch, batch->bytes);
}

static void release_ring(mt_ring *ring)
{
    if (atomic_fetch_sub(&ring->owners, 1) != 1)
        return;
    mt_context *context = ring->context;
    mt_lock_destroy(&ring->lock);
    mt_release(&context->env, ring, sizeof *ring);
    mt_context_free(context);
}

void mt_ring_close(mt_ring *ring)
{
    if (!ring)
        return;
    mt_lock_take(&ring->lock);
    mt_batch_memory *idle = ring->idle;
    ring->idle = NULL;
    ring->n_idle = ring->most = 0;
    mt_lock_give(&ring->lock);
    while (idle) {
        mt_batch_memory *next = idle->next;
        free_batch(ring, idle);
        idle = next;
    }
    release_ring(ring);
}

/* Sets *at to the next n * size bytes of a block that begins at base, and advances *offset; true on overflow. */
static bool place(size_t n, size_t size, size_t *offset, size_t *at)
{
    size_t bytes;
    *at = *offset;
    return mt_mul_size(n, size, &bytes) || bytes > SIZE_MAX - 8 || mt_add_size(*offset, (bytes + 7) / 8 * 8, offset);
}

static mt_status new_batch(mt_ring *ring, size_t n, mt_batch_memory **out, mt_error *err)
{
    size_t at[10], bytes = (sizeof(mt_batch_memory) + 7) / 8 * 8, requests;
    void *memory;
    if (mt_mul_size(n, ring->n_arrays, &requests) || place(ring->n_arrays, sizeof(mt_batch_array), &bytes, &at[0]) ||
        place(ring->n_arrays, sizeof(size_t), &bytes, &at[1]) || place(n, sizeof(mt_patch_spec), &bytes, &at[2]) ||
        place(n, sizeof(uint64_t), &bytes, &at[3]) || place(n, sizeof(mt_bad_patch), &bytes, &at[4]) ||
        place(requests, sizeof(mt_patch_request), &bytes, &at[5]) ||
        place(requests, 4 * sizeof(int64_t), &bytes, &at[6]) || place(requests, sizeof(mt_status), &bytes, &at[7]) ||
        place(ring->n_arrays, sizeof(void *), &bytes, &at[8]) || place(n, 1, &bytes, &at[9]))
        return mt_fail(err, MT_E_MEMORY, "a batch of %zu patches", n);
    mt_status st = mt_alloc(&ring->context->env, bytes, &memory, err);
    if (st)
        return st;
    uint8_t *base = memset(memory, 0, bytes);
    mt_batch_memory *batch = memory;
    batch->bytes = bytes;
    batch->room = n;
    batch->arrays = (mt_batch_array *)(void *)(base + at[0]);
    batch->sizes = (size_t *)(void *)(base + at[1]);
    batch->specs = (mt_patch_spec *)(void *)(base + at[2]);
    batch->indices = (uint64_t *)(void *)(base + at[3]);
    batch->bad = (mt_bad_patch *)(void *)(base + at[4]);
    batch->requests = (mt_patch_request *)(void *)(base + at[5]);
    batch->strides = (int64_t(*)[4])(void *)(base + at[6]);
    batch->statuses = (mt_status *)(void *)(base + at[7]);
    batch->blocks = (void **)(void *)(base + at[8]);
    batch->symmetries = base + at[9];
    *out = batch;
    return MT_OK;
}

static mt_batch_memory *find_idle(mt_ring *ring, size_t n)
{
    mt_lock_take(&ring->lock);
    mt_batch_memory **link = &ring->idle;
    while (*link && (*link)->room < n)
        link = &(*link)->next;
    mt_batch_memory *batch = *link;
    if (batch) {
        *link = batch->next;
        ring->n_idle--;
    }
    mt_lock_give(&ring->lock);
    return batch;
}

mt_status mt_ring_take(mt_ring *ring, size_t n, mt_batch_memory **out, mt_error *err)
{
    mt_batch_memory *batch = find_idle(ring, n);
    mt_status st = batch ? MT_OK : new_batch(ring, n, &batch, err);
    if (st)
        return st;
    batch->ring = ring;
    batch->owners = 1;
    atomic_fetch_add(&ring->owners, 1);
    batch->shown = (mt_batch) { .n_arrays = ring->n_arrays,
                                .arrays = batch->arrays,
                                .specs = batch->specs,
                                .indices = batch->indices,
                                .symmetries = batch->symmetries,
                                .bad = batch->bad };
    *out = batch;
    return MT_OK;
}

mt_status mt_batch_reserve(mt_batch_memory *batch, size_t a, size_t bytes, mt_error *err)
{
    size_t padding = padding_of(batch->ring), padded;
    if (bytes <= batch->sizes[a])
        return MT_OK;
    free_pixels(batch->ring, batch, a);
    if (mt_add_size(bytes, padding, &padded) || !(batch->blocks[a] = resize_pixels(batch->ring, NULL, 0, padded)))
        return mt_fail(err, MT_E_MEMORY, "a batch of %zu bytes", bytes);
    uint8_t *block = batch->blocks[a];
    batch->arrays[a].data = padding ? block + (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT : block;
    batch->sizes[a] = bytes;
    return MT_OK;
}

mt_batch *mt_batch_retain(mt_batch *shown)
{
    mt_batch_memory *batch = (mt_batch_memory *)shown;
    atomic_fetch_add_explicit(&batch->owners, 1, memory_order_relaxed);
    return shown;
}

void mt_batch_release(mt_batch *shown)
{
    mt_batch_memory *batch = (mt_batch_memory *)shown;
    if (!batch || atomic_fetch_sub(&batch->owners, 1) != 1)
        return;
    mt_ring *ring = batch->ring;
    mt_lock_take(&ring->lock);
    bool is_kept = ring->n_idle < ring->most;
    if (is_kept) {
        batch->next = ring->idle;
        ring->idle = batch;
        ring->n_idle++;
    }
    mt_lock_give(&ring->lock);
    if (!is_kept)
        free_batch(ring, batch);
    release_ring(ring);
}

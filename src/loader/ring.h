/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of batches. Released batches are kept for the next ones. */
#ifndef MT_LOADER_RING_H
#define MT_LOADER_RING_H

#include "loader/recipe.h"
#include "platform/thread.h"

typedef struct mt_ring mt_ring;

/* A batch, and what is needed to make it. */
typedef struct mt_batch_memory {
    mt_batch shown;               /* public part; its pointers are those below */
    _Atomic unsigned owners;      /* reference count */
    mt_ring *ring;                /* retained while the batch has an owner */
    struct mt_batch_memory *next; /* in the list of idle batches */
    size_t room;                  /* patches */
    size_t bytes;                 /* of this block, without the pixels */
    uint64_t n_blocks;            /* from which its patches come; 0: there are no windows */
    mt_batch_array *arrays;       /* n_arrays */
    size_t *sizes;                /* n_arrays: bytes of the pixels */
    void **blocks;                /* n_arrays: the memory that the pixels lie in */
    mt_patch_spec *specs;         /* room */
    uint64_t *indices;            /* room */
    uint8_t *symmetries;          /* room */
    mt_bad_patch *bad;            /* room */
    mt_patch_request *requests;   /* room * n_arrays: of patch 0 for all arrays, then of patch 1... */
    int64_t (*strides)[4];        /* of each request */
    mt_status *statuses;          /* of each request */
} mt_batch_memory;

/* buffers: of the pixels; zeroed: the allocator of the context. idle: number of batches kept. */
MT_MUST_CHECK mt_status mt_ring_new(mt_context *context, const mt_allocator *buffers, size_t n_arrays, size_t idle,
                                    mt_ring **out, mt_error *err);

/* Frees idle batches, and the ring as soon as no batch has an owner. */
void mt_ring_close(mt_ring *ring);

/* A batch with one owner and room for n patches. */
MT_MUST_CHECK mt_status mt_ring_take(mt_ring *ring, size_t n, mt_batch_memory **out, mt_error *err);

/* Makes room for the pixels of array a. */
MT_MUST_CHECK mt_status mt_batch_reserve(mt_batch_memory *batch, size_t a, size_t bytes, mt_error *err);

#endif

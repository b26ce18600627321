/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* From this size on, mmap is cheap compared with the work on the block. */
#define LARGE ((size_t)16 << 20)

static void release(void *memory, size_t size)
{
    if (memory && size >= LARGE)
        munmap(memory, size);
    else
        free(memory);
}

static void *get(size_t size)
{
    if (size < LARGE)
        return malloc(size);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *mt_memory_resize(void *user, void *memory, size_t old_size, size_t new_size)
{
    (void)user;
    if (new_size == 0) {
        release(memory, old_size);
        return NULL;
    }
    if (!memory)
        return get(new_size);
    if (old_size < LARGE && new_size < LARGE)
        return realloc(memory, new_size);
    void *moved = get(new_size);
    if (moved) {
        memcpy(moved, memory, old_size < new_size ? old_size : new_size);
        release(memory, old_size);
    }
    return moved;
}

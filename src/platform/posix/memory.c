/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

bool mt_memory_is_present(const void *address)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    unsigned char present = 0;
    return mincore((void *)((uintptr_t)address & ~(page - 1)), 1, (void *)&present) == 0 && (present & 1);
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN
#endif
#endif
#if defined(MADV_HUGEPAGE) && !defined(__SANITIZE_ADDRESS__) && !defined(UNDER_ASAN)

/* The system uses huge pages only where they are aligned. */
void *mt_memory_map_huge(size_t size)
{
    uint8_t *memory = mmap(NULL, size + MT_HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    size_t before = (size_t)(-(uintptr_t)memory & (MT_HUGE_PAGE - 1)), after = MT_HUGE_PAGE - before;
    if (before > 0)
        munmap(memory, before);
    munmap(memory + before + size, after);
    (void)madvise(memory + before, size, MADV_HUGEPAGE);
    return memory + before;
}

#else

void *mt_memory_map_huge(size_t size)
{
    (void)size;
    return NULL;
}

#endif

void mt_memory_unmap_huge(void *memory, size_t size) { munmap(memory, size); }

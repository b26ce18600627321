/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PLATFORM_MEMORY_H
#define MT_PLATFORM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MT_HUGE_PAGE ((size_t)2 << 20)

/* The default allocator (mt_allocator.resize): malloc, and mmap for large blocks, so that they return to the system as
 * soon as they are freed. malloc may retain freed blocks per thread. */
void *mt_memory_resize(void *user, void *memory, size_t old_size, size_t new_size);

/* Whether the page of an address has memory already. False: the first write to it takes a page of zeros, which are then
 * in the processor's caches. */
bool mt_memory_is_present(const void *address);

/* Maps memory of zeros in huge pages, if the system has some to spare. size is a multiple of MT_HUGE_PAGE. NULL: out of
 * memory, or the system has no such pages; also under the address sanitizer, which watches the blocks of malloc. */
void *mt_memory_map_huge(size_t size);
void mt_memory_unmap_huge(void *memory, size_t size);

#endif

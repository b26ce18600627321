/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PLATFORM_MEMORY_H
#define MT_PLATFORM_MEMORY_H

#include <stddef.h>

#define MT_HUGE_PAGE ((size_t)2 << 20)

/* The default allocator (mt_allocator.resize): malloc, and mmap for large blocks, so that they return to the system as
 * soon as they are freed. malloc may retain freed blocks per thread. */
void *mt_memory_resize(void *user, void *memory, size_t old_size, size_t new_size);

/* Maps memory of zeros in huge pages, if the system has some to spare. size is a multiple of MT_HUGE_PAGE. NULL: out of
 * memory, or the system has no such pages; also under the address sanitizer, which watches the blocks of malloc. */
void *mt_memory_map_huge(size_t size);
void mt_memory_unmap_huge(void *memory, size_t size);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PLATFORM_MEMORY_H
#define MT_PLATFORM_MEMORY_H

#include <stddef.h>

/* The default allocator (mt_allocator.resize): malloc, and mmap for large blocks, so that they return to the system as
 * soon as they are freed. malloc may retain freed blocks per thread. */
void *mt_memory_resize(void *user, void *memory, size_t old_size, size_t new_size);

#endif

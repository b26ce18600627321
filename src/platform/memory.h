/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MT_PLATFORM_MEMORY_H
#define MT_PLATFORM_MEMORY_H

#include <stddef.h>

/* The allocator of a context whose caller gives none (mt_allocator.resize): malloc, and for large blocks pages that go
 * back to the system as soon as they are freed. malloc may keep those, for each thread that ever freed one. */
void *mt_memory_resize(void *user, void *memory, size_t old_size, size_t new_size);

#endif

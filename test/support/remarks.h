/* SPDX-License-Identifier: BSD-3-Clause */
/* What a stack tells besides its pixels. */
#ifndef MT_TEST_REMARKS_H
#define MT_TEST_REMARKS_H

#include "support/support.h"

#include <microtome/microtome.h>

/* Fails unless so many files or frames are missing, and each word, separated by '|', stands in a name of them or in a
 * warning. Without words for warnings there must be none. */
void check_remarks(const mt_stack *stack, size_t n_missing, const char *missing, const char *warnings);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of the remarks of a stack. */
#ifndef MT_TEST_REMARKS_H
#define MT_TEST_REMARKS_H

#include "support/support.h"

#include <microtome/microtome.h>

/* Fails unless n_missing files or frames are missing, and each word, separated by '|', occurs in the name of one of
 * them or in a warning, respectively. Without words there must be no warnings. */
void check_remarks(const mt_stack *stack, size_t n_missing, const char *missing, const char *warnings);

#endif

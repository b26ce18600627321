/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of a saved state, and the part of it that identifies the images. */
#ifndef MT_LOADER_STATE_H
#define MT_LOADER_STATE_H

#include "base/json.h"
#include "loader/recipe.h"

/* A text that is written as snprintf does: length counts also what does not fit. text may be NULL if size is 0. */
typedef struct mt_state_text {
    char *text;
    size_t size, length; /* bytes that text holds; bytes so far, without the NUL */
} mt_state_text;

MT_PRINTF(2, 3) void mt_state_append(mt_state_text *out, const char *format, ...);

/* Writes a list with an item for each array: the list of its images' identities, or null for the images of the first
 * array. */
void mt_state_append_images(mt_state_text *out, const mt_recipe *recipe);

/* Compares such a list with the images of a loader. MT_E_ARGUMENT: they differ; the message names the first image that
 * does, and in what. */
MT_MUST_CHECK mt_status mt_state_compare_images(const json_t *saved, const mt_recipe *recipe, mt_error *err);

#endif

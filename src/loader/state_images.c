/* SPDX-License-Identifier: BSD-3-Clause */
/* What a saved state says of the images: the same as their pickles and journals (mt_stack_identify), without the paths,
 * so that files may be moved. */
#include "loader/state.h"

#include "stack/stack.h"

#include <stdio.h>
#include <string.h>

enum { IDENTITY_BYTES = 4096 };

/* The identity of an image in characters that JSON and messages show as they are. */
static void identify(const mt_stack *stack, char text[IDENTITY_BYTES])
{
    char raw[IDENTITY_BYTES];
    size_t n = 0;
    (void)mt_stack_identify_image(stack, raw, sizeof raw);
    for (const char *c = raw; *c && n + 4 < IDENTITY_BYTES; c++)
        if (*c == '"') /* around an ETag */
            text[n++] = '\'';
        else if (*c >= ' ' && *c <= '~' && *c != '\\')
            text[n++] = *c;
        else
            n += (size_t)snprintf(text + n, 4, "%%%02X", (unsigned)(unsigned char)*c);
    text[n] = '\0';
}

static bool has_own_images(const mt_recipe *recipe, size_t array)
{
    const size_t bytes = recipe->patching->n_stacks * sizeof(mt_stack *);
    return array == 0 || memcmp(recipe->arrays[array].stacks, recipe->arrays[0].stacks, bytes) != 0;
}

void mt_state_append_images(mt_state_text *out, const mt_recipe *recipe)
{
    char text[IDENTITY_BYTES];
    for (size_t a = 0; a < recipe->n_arrays; a++) {
        mt_state_append(out, a ? ", " : "[");
        if (!has_own_images(recipe, a)) {
            mt_state_append(out, "null");
            continue;
        }
        for (size_t s = 0; s < recipe->patching->n_stacks; s++) {
            identify(recipe->arrays[a].stacks[s], text);
            mt_state_append(out, "%s\"%s\"", s ? ", " : "[", text);
        }
        mt_state_append(out, "]");
    }
    mt_state_append(out, "]");
}

/* The length of an item of an identity. */
static int item_length(const char *item)
{
    const char *end = strstr(item, ", ");
    return (int)(end ? (size_t)(end - item) : strlen(item));
}

/* Moves two identities to their first items that differ. */
static void find_difference(const char **a, const char **b)
{
    for (;;) {
        const int n = item_length(*a);
        if (n == 0 || n != item_length(*b) || strncmp(*a, *b, (size_t)n) != 0 || !(*a)[n] || !(*b)[n])
            break;
        *a += n + 2;
        *b += n + 2;
    }
}

static mt_status compare_image(const json_t *saved, mt_stack *const *stacks, size_t n, size_t s, mt_error *err)
{
    char text[IDENTITY_BYTES];
    const char *then = json_string_value(saved), *now = text;
    identify(stacks[s], text);
    if (then && strcmp(then, now) == 0)
        return MT_OK;
    then = then ? then : "not given";
    find_difference(&then, &now);
    mt_status st = mt_fail(err, MT_E_ARGUMENT, "the image is not the one of the state: %.*s then, %.*s now",
                           item_length(then), then, item_length(now), now);
    mt_stack_prefix(stacks, n, s, err);
    return st;
}

static mt_status compare_array(const json_t *saved, const mt_recipe *recipe, size_t array, mt_error *err)
{
    const size_t n = recipe->patching->n_stacks;
    mt_stack *const *stacks = recipe->arrays[array].stacks;
    mt_status st = MT_OK;
    if (!has_own_images(recipe, array) && json_is_null(saved))
        return MT_OK;
    if (json_array_size(saved) != n)
        return mt_fail(err, MT_E_ARGUMENT, "the state belongs to other images: %zu, not %zu", json_array_size(saved),
                       n);
    for (size_t s = 0; s < n && !st; s++)
        st = compare_image(json_array_get(saved, s), stacks, n, s, err);
    return st;
}

mt_status mt_state_compare_images(const json_t *saved, const mt_recipe *recipe, mt_error *err)
{
    mt_status st = MT_OK;
    if (json_array_size(saved) != recipe->n_arrays)
        return mt_fail(err, MT_E_ARGUMENT, "the state has images for %zu arrays, not %zu", json_array_size(saved),
                       recipe->n_arrays);
    for (size_t a = 0; a < recipe->n_arrays && !st; a++) {
        st = compare_array(json_array_get(saved, a), recipe, a, err);
        if (st && a > 0)
            mt_error_prefix(err, "target %zu", a);
    }
    return st;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What a saved state says of the images: the same as their pickles and journals (mt_stack_identify), without the paths,
 * so that files may be moved. */
#include "loader/state.h"

#include "stack/stack.h"
#include "store/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDENTITY_BYTES = 3 * MT_IMAGE_IDENTITY };

/* The identity of an image in characters that JSON and messages show as they are. */
static void identify(const mt_stack *stack, char text[IDENTITY_BYTES])
{
    char raw[MT_IMAGE_IDENTITY];
    size_t n = 0;
    mt_stack_identify_image(stack, raw);
    for (const char *c = raw; *c; c++)
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
static size_t item_length(const char *item)
{
    const char *end = strstr(item, ", ");
    return end ? (size_t)(end - item) : strlen(item);
}

static bool parse_time(const char *item, int64_t *ns)
{
    static const char before[] = "changed at ";
    char *end;
    if (strncmp(item, before, sizeof before - 1) != 0)
        return false;
    *ns = strtoll(item + sizeof before - 1, &end, 10);
    return (size_t)(end - item) + 3 == item_length(item) && strncmp(end, " ns", 3) == 0;
}

/* Times are equal to the second if one has no fraction, as after a copy to a file system, or by a program, without. */
static bool is_same_time(const char *a, const char *b)
{
    enum { SECOND = 1000000000 };
    int64_t x, y;
    return parse_time(a, &x) && parse_time(b, &y) && x / SECOND == y / SECOND && (x % SECOND == 0 || y % SECOND == 0);
}

/* Moves two identities to their first items that differ, or to their ends if there are none. */
static void find_difference(const char **a, const char **b)
{
    while (**a || **b) {
        const size_t n = item_length(*a);
        if ((n != item_length(*b) || strncmp(*a, *b, n) != 0) && !is_same_time(*a, *b))
            return;
        *a += n + ((*a)[n] ? 2 : 0);
        *b += item_length(*b) + ((*b)[item_length(*b)] ? 2 : 0);
    }
}

#define HINT "; if its pixels are the same, set \"images\" of the state to null"

/* Times and ETags differ in copies, too. States of earlier versions know of no other files. */
static bool may_be_copy(const char *item)
{
    int64_t ns;
    size_t n;
    return !*item || parse_time(item, &ns) || strncmp(item, "ETag ", 5) == 0 || mt_identity_find_member(item, &n);
}

/* Times in words; without digests. */
static void show_item(const char *item, char *text, size_t size)
{
    char when[MT_IDENTITY_TEXT];
    mt_identity identity = { 0 };
    size_t n;
    const char *member = mt_identity_find_member(item, &n);
    if (member)
        snprintf(text, size, "%.*s", (int)n, member);
    else if (parse_time(item, &identity.mtime_ns)) {
        mt_identity_text(&identity, when);
        snprintf(text, size, "%s", strstr(when, "changed") ? strstr(when, "changed") : item);
    } else
        snprintf(text, size, "%.*s", (int)(*item ? item_length(item) : 7), *item ? item : "nothing");
}

/* Of the first items that differ. */
static mt_status tell_difference(const char *then, const char *now, mt_error *err)
{
    char shown[2][256];
    size_t n;
    const char *hint = may_be_copy(then) && may_be_copy(now) ? HINT : "";
    show_item(then, shown[0], sizeof shown[0]);
    show_item(now, shown[1], sizeof shown[1]);
    if (mt_identity_find_member(then, &n) && strcmp(shown[0], shown[1]) == 0)
        return mt_fail(err, MT_E_ARGUMENT, "the image is not the one of the state: its file %s has changed%s", shown[0],
                       hint);
    return mt_fail(err, MT_E_ARGUMENT, "the image is not the one of the state: %s then, %s now%s", shown[0], shown[1],
                   hint);
}

static mt_status compare_image(const json_t *saved, mt_stack *const *stacks, size_t n, size_t s, mt_error *err)
{
    char text[IDENTITY_BYTES];
    const char *then = json_string_value(saved), *now = text;
    identify(stacks[s], text);
    then = then ? then : "";
    find_difference(&then, &now);
    if (!*then && !*now)
        return MT_OK;
    mt_status st = tell_difference(then, now, err);
    mt_stack_prefix(stacks, n, s, err);
    return st;
}

static mt_status compare_array(const json_t *saved, const mt_recipe *recipe, size_t array, mt_error *err)
{
    const size_t n = recipe->patching->n_stacks;
    mt_stack *const *stacks = recipe->arrays[array].stacks;
    mt_status st = MT_OK;
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
    if (json_is_null(saved)) /* by the user, who knows that the pixels are the same */
        return MT_OK;
    if (json_array_size(saved) != recipe->n_arrays)
        return mt_fail(err, MT_E_ARGUMENT, "the state has images for %zu arrays, not %zu", json_array_size(saved),
                       recipe->n_arrays);
    for (size_t a = 0; a < recipe->n_arrays && !st; a++) {
        const json_t *own = json_array_get(saved, a);
        st = compare_array(json_is_null(own) ? json_array_get(saved, 0) : own, recipe, a, err);
        if (st && a > 0)
            mt_error_prefix(err, "target %zu", a);
    }
    return st;
}

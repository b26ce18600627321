/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the known word nearest to a mistyped one: one that it begins, or that follows a hyphen in it, is nearer than any
 * other. */
#include "cli.h"

#include <string.h>

enum { MOST_LETTERS = 40 };

struct nearest nearest_to(const char *word, size_t length)
{
    return (struct nearest) { .word = word, .length = length, .distance = length / 3 + 1 };
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Edit distance with transpositions (optimal string alignment). */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t rows[3][MOST_LETTERS + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t k = 0; k <= m; k++)
        above[k] = k;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t k = 1; k <= m; k++) {
            row[k] = least(above[k - 1] + (a[i - 1] != b[k - 1]), least(above[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = least(row[k], before[k - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[m];
}

void nearest_try(struct nearest *near, const char *candidate)
{
    size_t length = strlen(candidate);
    if (near->length > MOST_LETTERS || length > MOST_LETTERS)
        return;
    bool is_start = near->length >= 3 && near->length < length && !memcmp(candidate, near->word, near->length);
    bool is_end = near->length > length + 1 && near->word[near->length - length - 1] == '-' &&
                  !memcmp(near->word + near->length - length, candidate, length);
    size_t d = is_start || is_end ? 0 : distance(near->word, near->length, candidate, length);
    if (near->best ? d < near->distance : d <= near->distance) {
        near->distance = d;
        near->best = candidate;
    }
}

/* No name is near: lists them all. */
static void refuse_word(const struct args *args, const char *kind, const struct nearest *near, const char *const *names)
{
    char list[256] = "";
    for (size_t i = 0, n = 0; names[i] && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", names[i]);
    usage_error(args, "unknown %s '%.*s', not one of %s", kind, (int)near->length, near->word, list);
}

int word_index(const struct args *args, const char *kind, const char *word, size_t length, const char *const *names)
{
    struct nearest near = nearest_to(word, length);
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) == length && !memcmp(names[i], word, length))
            return i;
        nearest_try(&near, names[i]);
    }
    if (near.best)
        unknown_name(args, kind, &near);
    else
        refuse_word(args, kind, &near, names);
    return -1;
}

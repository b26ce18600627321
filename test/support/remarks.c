/* SPDX-License-Identifier: BSD-3-Clause */
#include "support/remarks.h"

#include <stdio.h>
#include <string.h>

/* Fails unless one of the texts contains each word: words are separated by '|'. */
static void check_texts(const char *what, const char *const *texts, size_t n, const char *words)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|")) {
        size_t i = 0;
        while (i < n && !strstr(texts[i], word))
            i++;
        if (i == n)
            fail_msg("no %s of %zu has \"%s\"; the first is \"%s\"", what, n, word, n ? texts[0] : "");
    }
}

void check_remarks(const mt_stack *stack, size_t n_missing, const char *missing, const char *warnings)
{
    const mt_stack_info *info = mt_stack_get_info(stack);
    if (info->n_missing != n_missing)
        fail_msg("%s: %zu missing, not %zu; the first is \"%s\"", info->source, (size_t)info->n_missing, n_missing,
                 info->n_missing ? info->missing[0] : "");
    check_texts("missing name", info->missing, (size_t)info->n_missing, missing);
    check_texts("warning", info->warnings, info->n_warnings, warnings);
    if (!*warnings && info->n_warnings)
        fail_msg("%s: unexpected warning \"%s\"", info->source, info->warnings[0]);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of S3 and its tools: listings, errors, profile files. */
#include "outcome.h"

#include "store/s3/documents.h"
#include "store/s3/ini.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mt_status visit(void *user, const char *key, uint64_t size, mt_error *err)
{
    (void)user, (void)err;
    outcome_text(key);
    outcome_number((int64_t)size);
    if (size > INT64_MAX)
        __builtin_trap();
    return *key == 'x' ? MT_E_CANCELLED : MT_OK;
}

static void parse_listing(mt_env *env, const char *text, size_t size, const char *prefix)
{
    mt_error err = MT_ERROR_INIT;
    mt_arena *arena;
    if (mt_arena_new(env, &arena, NULL))
        return;
    mt_s3_names names = { .arena = arena };
    const char *next;
    mt_status st = mt_s3_parse_page(&names, text, size, prefix, &next, &err);
    outcome_status(st, &err);
    outcome_text(st ? NULL : next);
    mt_s3_sort_names(&names);
    if (st ? !*err.message : next && !*next)
        __builtin_trap();
    for (size_t i = 0; i < names.n; i++)
        outcome_text(names.names[i]);
    for (size_t i = 0; i < names.n; i++)
        if (!*names.names[i] || strchr(names.names[i], '/') ||
            (i > 0 && strcmp(names.names[i - 1], names.names[i]) >= 0))
            __builtin_trap();
    err = (mt_error)MT_ERROR_INIT;
    if (!outcome_status(mt_s3_parse_sizes(arena, text, size, prefix, visit, NULL, &next, &err), &err))
        outcome_text(next);
    mt_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    mt_env env;
    mt_limits limits = { .max_xml_bytes = 1 << 20, .max_xml_depth = 20, .max_metadata_bytes = 4 << 20 };
    mt_env_init(&env, NULL, &limits);
    parse_listing(&env, text, size, "");
    parse_listing(&env, text, size, "a/");
    mt_s3_failure failure;
    mt_s3_parse_failure(text, size, &failure);
    outcome_text(failure.code);
    outcome_text(failure.message);
    outcome_text(failure.region);
    mt_ini_value value;
    bool found = mt_ini_get(text, size, "profile", "a", "b", &value);
    outcome_number(mt_ini_has_section(text, size, "profile", "a"));
    outcome_number(found);
    if (found && (value.text < text || value.size > size || value.text + value.size > text + size))
        __builtin_trap();
    outcome_bytes(found ? value.text : "", found ? value.size : 0);
    return 0;
}

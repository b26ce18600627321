/* SPDX-License-Identifier: BSD-3-Clause */
#include "outcome.h"

#include "base/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count(const mt_xml *element)
{
    size_t n = 1;
    outcome_text(element->name);
    outcome_text(element->text);
    for (const mt_xml_attribute *a = element->attributes; a; a = a->next) {
        outcome_text(a->name);
        outcome_text(a->value);
    }
    for (const mt_xml *child = element->first_child; child; child = child->next_sibling)
        n += count(child); /* recursion is bounded by max_xml_depth */
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_limits limits = { .max_xml_bytes = 1 << 20, .max_xml_depth = 20, .max_metadata_bytes = 4 << 20 };
    mt_error err = MT_ERROR_INIT;
    mt_arena *arena;
    mt_xml *root;
    mt_env_init(&env, NULL, &limits);
    if (mt_arena_new(&env, &arena, NULL))
        return 0;
    if (outcome_status(mt_xml_parse(arena, (const char *)data, size, "fuzz", &root, &err), &err) == MT_OK
            ? count(root) == 0
            : !*err.message)
        __builtin_trap();
    const char *repair;
    err = (mt_error)MT_ERROR_INIT;
    mt_status st = mt_xml_parse_loosely(arena, (const char *)data, size, "fuzz", &root, &repair, &err);
    outcome_status(st, &err);
    outcome_text(st ? NULL : repair);
    if (st == MT_OK ? count(root) == 0 : !*err.message)
        __builtin_trap();
    mt_arena_free(arena);
    return 0;
}

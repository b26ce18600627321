/* SPDX-License-Identifier: BSD-3-Clause */
/* The plan of an unfinished output: what is read is written and read again without a change, and its levels are sane. */
#include "outcome.h"

#include "write/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_levels(const mt_plan *plan)
{
    const mt_level *level = plan->levels;
    if (plan->n_levels < 1 || plan->n_levels > MT_MAX_LEVELS)
        abort();
    for (int i = 0; i < plan->n_levels; i++, level++) {
        outcome_number((int64_t)level->n_chunks);
        outcome_number((int64_t)level->n_units);
        outcome_number((int64_t)level->inner);
        outcome_number((int64_t)level->chunk_bytes);
        if (level->n_chunks == 0 || level->n_units == 0 || level->inner == 0 || level->chunk_bytes == 0)
            abort();
        mt_extent last;
        mt_level_unit_extent(plan, level, level->n_units - 1, &last);
        for (int d = 0; d < plan->ndim; d++)
            if (last.extent[d] < 1 || last.start[d] + last.extent[d] != level->shape[d])
                abort();
    }
}

static void check_again(mt_arena *arena, const mt_plan *plan)
{
    json_t *once = mt_plan_write(plan), *twice;
    mt_plan *again = NULL;
    mt_error err = MT_ERROR_INIT;
    if (!once)
        return;
    char *text = json_dumps(once, JSON_COMPACT);
    outcome_text(text);
    free(text);
    if (mt_plan_read(arena, once, &again, &err) && err.status != MT_E_MEMORY && err.status != MT_E_LIMIT)
        abort();
    if (again && (twice = mt_plan_write(again))) {
        if (mt_plan_compare(mt_arena_env(arena), once, twice, NULL))
            abort();
        json_decref(twice);
    }
    json_decref(once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_arena *arena;
    mt_plan *plan = NULL;
    json_t *document;
    mt_error err = MT_ERROR_INIT;
    mt_env_init(&env, NULL, NULL);
    if (mt_arena_new(&env, &arena, &err))
        return 0;
    if (!outcome_status(mt_json_parse(&env, (const char *)data, size, "plan", &document, &err), &err)) {
        mt_status st = outcome_status(mt_plan_read(arena, document, &plan, &err), &err);
        if (st && !*err.message)
            abort();
        if (!st) {
            check_levels(plan);
            check_again(arena, plan);
        }
        json_decref(document);
    }
    mt_arena_free(arena);
    return 0;
}

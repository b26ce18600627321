/* SPDX-License-Identifier: BSD-3-Clause */
#include "outcome.h"

#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    outcome_text(text);
    free(text);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_limits limits = { .max_json_bytes = 1 << 20, .max_json_depth = 20 };
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    mt_env_init(&env, NULL, &limits);
    if (outcome_status(mt_json_parse(&env, (const char *)data, size, "fuzz", &json, &err), &err) == MT_OK)
        note(json);
    else if (!*err.message)
        __builtin_trap();
    return 0;
}

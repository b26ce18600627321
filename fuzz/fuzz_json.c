/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_env env;
    mt_limits limits = { .max_json_bytes = 1 << 20, .max_json_depth = 20 };
    mt_error err = MT_ERROR_INIT;
    json_t *json;
    mt_env_init(&env, NULL, &limits);
    if (mt_json_parse(&env, (const char *)data, size, "fuzz", &json, &err) == MT_OK)
        json_decref(json);
    else if (!*err.message)
        __builtin_trap();
    return 0;
}

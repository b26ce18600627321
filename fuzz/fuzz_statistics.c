/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that is read as statistics is written again as text that reads as the same. */
#include "outcome.h"

#include <microtome/microtome.h>

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const mt_statistics *s)
{
    mt_statistics_info info = { .struct_size = sizeof info };
    mt_normalization normalization;
    mt_error err;
    double value;
    if (mt_statistics_get_info(s, &info, &err))
        __builtin_trap();
    for (int64_t c = -1; c < info.n_channels; c++) {
        for (size_t i = 0; i < info.n_quantiles; i++)
            if (mt_statistics_quantile(s, c, info.quantiles[i], &value, &err))
                __builtin_trap();
            else
                outcome_real(value);
        for (int kind = 0; kind <= MT_NORMALIZE_QUANTILE; kind++)
            if (outcome_status(
                    mt_statistics_normalization(s, (mt_normalization_kind)kind, c, 0, 1, &normalization, &err), &err) &&
                !*err.message)
                __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mt_statistics *s, *again;
    mt_error err = MT_ERROR_INIT;
    if (outcome_status(mt_statistics_parse(NULL, (const char *)data, size, "fuzz", &s, &err), &err)) {
        if (!*err.message)
            __builtin_trap();
        return 0;
    }
    check_values(s);
    const char *text = mt_statistics_json(s);
    outcome_text(text);
    if (mt_statistics_parse(NULL, text, strlen(text), "fuzz", &again, &err) ||
        strcmp(mt_statistics_json(again), text) != 0)
        __builtin_trap();
    mt_statistics_free(again);
    mt_statistics_free(s);
    return 0;
}

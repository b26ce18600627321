/* SPDX-License-Identifier: BSD-3-Clause */
#include "store/s3/options.h"

#include <string.h>

enum { N_TEXTS = 6 };

static void list_texts(mt_s3_options *o, const char **texts[N_TEXTS])
{
    const char **all[N_TEXTS] = { &o->key_id, &o->secret, &o->token, &o->region, &o->endpoint, &o->profile };
    memcpy(texts, all, sizeof all);
}

mt_status mt_s3_options_copy(mt_env *env, const mt_s3_options *given, mt_s3_options **out, mt_error *err)
{
    const char **texts[N_TEXTS];
    void *memory;
    mt_status st = mt_alloc(env, sizeof(mt_s3_options), &memory, err);
    if (st)
        return st;
    mt_s3_options *o = memory;
    *o = *given;
    list_texts(o, texts);
    for (int i = 0; i < N_TEXTS; i++) {
        const char *text = *texts[i];
        char *copy = NULL;
        if (!st && text)
            st = mt_copy_text(env, text, &copy, err);
        *texts[i] = copy;
    }
    if (st)
        mt_s3_options_free(env, o);
    else
        *out = o;
    return st;
}

void mt_s3_options_free(mt_env *env, mt_s3_options *o)
{
    const char **texts[N_TEXTS];
    if (!o)
        return;
    list_texts(o, texts);
    for (int i = 0; i < N_TEXTS; i++)
        if (*texts[i])
            mt_release(env, (char *)(uintptr_t)*texts[i], strlen(*texts[i]) + 1);
    mt_release(env, o, sizeof *o);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts that are kept with an unfinished image: objects beside its journal. */
#include "write/writer.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES (sizeof MT_JOURNAL_FOLDER + sizeof MT_KEPT_PREFIX + MT_KEPT_NAME)

static mt_status check_name(const char *name, mt_error *err)
{
    size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
    return n > 0 && n <= MT_KEPT_NAME && !name[n]
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "a text is kept under 1 to %d small letters, digits and '-'",
                         MT_KEPT_NAME);
}

static mt_status keep(mt_writer *w, const char *name, const char *text, mt_error *err)
{
    char key[KEY_BYTES];
    mt_status st = mt_writer_check_open(w, err);
    if (st || (st = check_name(name, err)))
        return st;
    snprintf(key, sizeof key, "%s/%s%s", MT_JOURNAL_FOLDER, MT_KEPT_PREFIX, name);
    if (!text)
        return mt_target_remove(w->target, key, err);
    return mt_target_publish(w->target, key, &(mt_piece) { text, strlen(text) }, 1, err);
}

mt_status mt_writer_keep(mt_writer *w, const char *name, const char *text, mt_error *err)
{
    mt_error_reset(err);
    mt_status st = keep(w, name, text, err);
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}

typedef struct reading {
    mt_writer *writer;
    mt_kept_visit visit;
    void *user;
} reading;

/* A text that is removed meanwhile is left out. */
static mt_status read_kept(void *user, const char *name, mt_error *err)
{
    const reading *r = user;
    mt_writer *w = r->writer;
    char key[KEY_BYTES];
    mt_error local = MT_ERROR_INIT;
    mt_buffer text = mt_buffer_on(w->env);
    const size_t n = sizeof MT_KEPT_PREFIX - 1;
    if (strncmp(name, MT_KEPT_PREFIX, n) != 0 || check_name(name + n, NULL))
        return MT_OK;
    snprintf(key, sizeof key, "%s/%s", MT_JOURNAL_FOLDER, name);
    mt_status st = mt_target_read(w->target, key, w->env->limits.max_json_bytes, &text, &local);
    if (!st) {
        mt_put_u8(&text, 0);
        st = text.status ? mt_fail(err, MT_E_MEMORY, "out of memory")
                         : r->visit(r->user, name + n, (const char *)text.data, err);
    } else
        st = st == MT_E_NOT_FOUND ? MT_OK : mt_fail(err, st, "%s", local.message);
    mt_buffer_free(&text);
    return st;
}

mt_status mt_writer_get_kept(mt_writer *w, mt_kept_visit visit, void *user, mt_error *err)
{
    reading r = { w, visit, user };
    mt_error_reset(err);
    mt_status st = mt_target_list(w->target, MT_JOURNAL_FOLDER, read_kept, &r, err);
    if (st)
        mt_error_prefix(err, "%s", w->info.path);
    return st;
}

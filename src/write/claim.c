/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/claim.h"

#include "base/number.h"
#include "platform/process.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES 32
#define TEXT_BYTES 192

static void write_key(unsigned number, char key[KEY_BYTES]) { snprintf(key, KEY_BYTES, "claim.%u", number); }

static bool parse(const char *text, mt_process *out)
{
    size_t n = strcspn(text, " ");
    if (n >= sizeof out->host)
        return false;
    snprintf(out->host, sizeof out->host, "%.*s", (int)n, text);
    text += n;
    return mt_parse_integer(&text, &out->space) && mt_parse_integer(&text, &out->number) &&
           mt_parse_integer(&text, &out->started);
}

/* Whether a claim exists, and by which process; one that cannot be read is what a power cut left. */
static mt_status load(mt_target *target, unsigned number, bool *exists, mt_process *process, mt_error *err)
{
    char key[KEY_BYTES], *text;
    size_t size;
    mt_arena *arena;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_arena_new(target->env, &arena, err);
    if (st)
        return st;
    write_key(number, key);
    *process = (mt_process) { .number = 0 };
    st = mt_target_load(target, key, TEXT_BYTES, arena, &text, &size, &own);
    *exists = st != MT_E_NOT_FOUND;
    if (!st && !parse(text, process))
        process->number = 0;
    mt_arena_free(arena);
    return st && *exists ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

/* Looks for the number after the last claim, whose process must have ended. */
static mt_status find_free(mt_target *target, unsigned *number, mt_error *err)
{
    mt_process last = { .number = 0 }, next;
    bool exists;
    mt_status st = load(target, *number = 0, &exists, &next, err);
    while (!st && exists) {
        last = next;
        st = load(target, ++*number, &exists, &next, err);
    }
    if (st || last.number == 0 || mt_process_has_ended(&last))
        return st;
    char key[KEY_BYTES];
    write_key(*number - 1, key);
    return mt_fail(err, MT_E_ARGUMENT,
                   "process %lld of host %s writes this image, which one process can write at a time: wait for it or, "
                   "if it is not there any more, remove %s/%s",
                   (long long)last.number, last.host, mt_target_get_path(target), key);
}

mt_status mt_claim_take(mt_claim *claim, mt_target *target, mt_error *err)
{
    char key[KEY_BYTES], text[TEXT_BYTES];
    mt_process own;
    mt_status st = MT_OK;
    mt_process_get(&own);
    int n = snprintf(text, sizeof text, "%s %lld %lld %lld\n", own.host, (long long)own.space, (long long)own.number,
                     (long long)own.started);
    claim->target = target;
    while (!st && !claim->is_held && !(st = find_free(target, &claim->number, err))) {
        write_key(claim->number, key);
        st = mt_target_make_new(target, key, &(mt_piece) { text, (size_t)n }, 1, &claim->is_held, err);
    }
    return st;
}

void mt_claim_give(mt_claim *claim)
{
    char key[KEY_BYTES];
    if (!claim->is_held)
        return;
    write_key(claim->number, key);
    claim->is_held = false;
    (void)!mt_target_remove(claim->target, key, NULL); /* at worst it counts until the process ends */
}

mt_status mt_claim_remove_all(mt_claim *claim, mt_error *err)
{
    char key[KEY_BYTES];
    mt_status st = MT_OK;
    for (unsigned i = claim->number + 1; i-- > 0 && !st;) {
        write_key(i, key);
        st = mt_target_remove(claim->target, key, err);
    }
    claim->is_held = claim->is_held && st;
    return st;
}

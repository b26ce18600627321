/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/claim.h"

#include "base/number.h"
#include "platform/process.h"
#include "platform/thread.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES (MT_CLAIM_NAME + 12)
#define TEXT_BYTES 256

enum {
    PAUSE = 10,        /* milliseconds between two tries */
    READABLE_IN = 1000 /* milliseconds after which one that cannot be read is nobody's, if there is no lease */
};

/* Who holds a claim. */
typedef struct holder {
    mt_process process; /* of the number 0: nobody */
    int64_t beat;
    bool is_unknown; /* it cannot be read: it is just being made, or a power cut has left it so */
} holder;

static void write_key(const char *name, unsigned number, char key[KEY_BYTES])
{
    snprintf(key, KEY_BYTES, "%s.%u", name, number);
}

static bool parse(const char *text, holder *out)
{
    mt_process *process = &out->process;
    size_t n = strcspn(text, " ");
    if (n >= sizeof process->host)
        return false;
    snprintf(process->host, sizeof process->host, "%.*s", (int)n, text);
    text += n;
    return mt_parse_integer(&text, &process->machine) && mt_parse_integer(&text, &process->boot) &&
           mt_parse_integer(&text, &process->space) && mt_parse_integer(&text, &process->number) &&
           mt_parse_integer(&text, &process->started) && mt_parse_integer(&text, &out->beat);
}

static size_t format(const mt_process *process, int64_t beat, char text[TEXT_BYTES])
{
    return (size_t)snprintf(text, TEXT_BYTES, "%s %lld %lld %lld %lld %lld %lld\n", process->host,
                            (long long)process->machine, (long long)process->boot, (long long)process->space,
                            (long long)process->number, (long long)process->started, (long long)beat);
}

static mt_status load(const mt_claim *claim, unsigned number, bool *exists, holder *out, mt_error *err)
{
    char key[KEY_BYTES], *text;
    size_t size;
    mt_arena *arena;
    mt_error own = MT_ERROR_INIT;
    mt_status st = mt_arena_new(claim->target->env, &arena, err);
    if (st)
        return st;
    write_key(claim->name, number, key);
    *out = (holder) { .beat = 0 };
    st = mt_target_load(claim->target, key, TEXT_BYTES, arena, &text, &size, &own);
    *exists = st != MT_E_NOT_FOUND;
    if (!st && !parse(text, out))
        *out = (holder) { .is_unknown = true };
    mt_arena_free(arena);
    return st && *exists ? mt_fail(err, st, "%s", own.message) : MT_OK;
}

/* Sets the number of the claim to that after the last one, of which it tells the holder. */
static mt_status find_last(mt_claim *claim, holder *last, mt_error *err)
{
    holder next;
    bool exists;
    *last = (holder) { .beat = 0 };
    mt_status st = load(claim, claim->number = 0, &exists, &next, err);
    while (!st && exists) {
        *last = next;
        st = load(claim, ++claim->number, &exists, &next, err);
    }
    return st;
}

static bool is_at_work(const holder *h) { return h->process.number != 0 && !mt_process_has_ended(&h->process); }

static void begin(mt_claim *claim, mt_target *target, const char *name)
{
    *claim = (mt_claim) { .target = target, .beat = (int64_t)mt_clock_ns() };
    snprintf(claim->name, sizeof claim->name, "%s", name);
}

/* Makes the claim of its number; is_held tells whether nobody else was faster. */
static mt_status make(mt_claim *claim, mt_error *err)
{
    char key[KEY_BYTES], text[TEXT_BYTES];
    mt_process own;
    mt_process_get(&own);
    mt_piece piece = { text, format(&own, claim->beat, text) };
    write_key(claim->name, claim->number, key);
    return mt_target_make_new(claim->target, key, &piece, 1, &claim->is_held, err);
}

/* Replaces the text of the claim, if it is still there: who finished the output has removed it, and another claim of this
 * number belongs to another output. */
static mt_status replace(const mt_claim *claim, const mt_process *process, int64_t beat, mt_error *err)
{
    char key[KEY_BYTES], text[TEXT_BYTES];
    bool exists;
    mt_process own;
    holder found;
    mt_status st = load(claim, claim->number, &exists, &found, err);
    mt_process_get(&own);
    if (st || !exists || found.beat != claim->beat || found.process.number != own.number)
        return st;
    mt_piece piece = { text, format(process, beat, text) };
    write_key(claim->name, claim->number, key);
    return mt_target_publish(claim->target, key, &piece, 1, err);
}

static mt_status refuse(const mt_claim *claim, const holder *by, mt_error *err)
{
    char key[KEY_BYTES];
    write_key(claim->name, claim->number - 1, key);
    return mt_fail(err, MT_E_ARGUMENT,
                   "process %lld of host %s writes this image, which one process can write at a time: wait for it or, "
                   "if it is not there any more, remove %s/%s",
                   (long long)by->process.number, by->process.host, mt_target_get_path(claim->target), key);
}

/* Whether the last claim was not renewed since it was seen first, at least a lease ago. */
static bool has_expired(const mt_claim *claim, const holder *last, uint64_t lease, mt_claim_seen *seen)
{
    uint64_t now = mt_clock_ns();
    if (seen->since == 0 || seen->number != claim->number || seen->beat != last->beat)
        *seen = (mt_claim_seen) { .number = claim->number, .beat = last->beat, .since = now };
    return now - seen->since >= lease;
}

static mt_status take(mt_claim *claim, mt_claim_seen *seen, mt_error *err)
{
    holder last;
    mt_status st = find_last(claim, &last, err);
    if (st || (last.is_unknown && !has_expired(claim, &last, UINT64_C(1000000) * READABLE_IN, seen)))
        return st;
    return is_at_work(&last) ? refuse(claim, &last, err) : make(claim, err);
}

mt_status mt_claim_take(mt_claim *claim, mt_target *target, const char *name, mt_error *err)
{
    mt_claim_seen seen = { .since = 0 };
    begin(claim, target, name);
    mt_status st = take(claim, &seen, err);
    while (!st && !claim->is_held) {
        mt_sleep(PAUSE);
        st = take(claim, &seen, err);
    }
    return st;
}

mt_status mt_claim_try(mt_claim *claim, mt_target *target, const char *name, uint64_t lease, mt_claim_seen *seen,
                       mt_error *err)
{
    holder last;
    begin(claim, target, name);
    mt_status st = find_last(claim, &last, err);
    if (st || ((last.is_unknown || is_at_work(&last)) && !has_expired(claim, &last, lease, seen)))
        return st;
    return make(claim, err);
}

mt_status mt_claim_renew(mt_claim *claim, mt_error *err)
{
    mt_process own;
    mt_process_get(&own);
    mt_status st = replace(claim, &own, claim->beat + 1, err);
    claim->beat += !st;
    return st;
}

void mt_claim_give(mt_claim *claim)
{
    const mt_process nobody = { .host = "-" };
    if (!claim->is_held)
        return;
    claim->is_held = false;
    (void)!replace(claim, &nobody, claim->beat, NULL); /* at worst it counts until the process ends */
}

mt_status mt_claim_remove_all(mt_claim *claim, mt_error *err)
{
    char key[KEY_BYTES];
    mt_status st = MT_OK;
    for (unsigned i = claim->number + 1; i-- > 0 && !st;) {
        write_key(claim->name, i, key);
        st = mt_target_remove(claim->target, key, err);
    }
    claim->is_held = claim->is_held && st;
    return st;
}

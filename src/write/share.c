/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/share.h"

#include "write/claim.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_RUNS = 1024, /* claims of an output: so many that processes end at about the same time */
    RENEWALS = 4,     /* of a claim, during a lease */
    FIRST_NAP = 10,   /* milliseconds */
    LONGEST_NAP = 2000,
    SHORT_NAP = 50 /* after which the caller is asked whether to go on */
};
#define SHORTEST_LEASE 1.0 /* seconds */
#define LONGEST_LEASE 1e9

/* Units at which one process is at a time. */
typedef struct run {
    bool is_over;       /* published, or put by this process */
    mt_claim claim;     /* of this process */
    mt_claim_seen seen; /* of another one */
} run;

struct mt_share {
    mt_writer *w;
    mt_target *target; /* of the claims, which need not survive a power cut */
    uint64_t lease;    /* nanoseconds */
    uint64_t renewed;  /* before the claim was made, or renewed */
    size_t n, next;    /* runs; the one to try first */
    run *runs, *run;   /* all; the one that is claimed, or NULL */
    int (*follow)(void *user);
    void *user;
};

static mt_status check(const mt_writer *w, double lease, mt_error *err)
{
    if (!w->is_folder)
        return mt_fail(err, MT_E_UNSUPPORTED, "one process at a time writes a file of format %s: nothing is shared",
                       w->info.format);
    return lease >= SHORTEST_LEASE && lease <= LONGEST_LEASE
               ? MT_OK
               : mt_fail(err, MT_E_ARGUMENT, "a lease of %g seconds: it has %g to %g", lease, SHORTEST_LEASE,
                         LONGEST_LEASE);
}

mt_status mt_share_new(mt_writer *w, double lease, int (*follow)(void *user), void *user, mt_share **out, mt_error *err)
{
    void *memory;
    uint64_t n_units = w->info.n_units;
    size_t n = n_units < MOST_RUNS ? (size_t)n_units : MOST_RUNS, bytes = sizeof(mt_share) + n * sizeof(run);
    *out = NULL;
    mt_status st = check(w, lease, err);
    if (st || (st = mt_alloc(w->env, bytes, &memory, err)))
        return st;
    mt_share *s = memset(memory, 0, bytes);
    s->w = w;
    s->lease = (uint64_t)(lease * 1e9);
    s->n = n;
    s->runs = (run *)(s + 1);
    s->follow = follow;
    s->user = user;
    st = mt_target_open(w->env, mt_target_get_path(w->target), MT_SYNC_NONE, &s->target, err);
    if (st)
        mt_release(w->env, s, bytes);
    else
        *out = s;
    return st;
}

static bool is_done(const mt_share *s, const run *r)
{
    uint64_t first, count;
    bool is_done = true;
    mt_writer_part(s->w->info.n_units, (uint64_t)(r - s->runs), s->n, &first, &count);
    for (uint64_t i = 0; i < count && is_done; i++)
        is_done = mt_writer_is_done(s->w, first + i);
    return is_done;
}

void mt_share_free(mt_share *s)
{
    if (!s)
        return;
    s->w->trusted_until = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->runs[i].claim.is_held && !is_done(s, &s->runs[i]))
            mt_claim_give(&s->runs[i].claim);
    mt_target_close(s->target);
    mt_release(s->w->env, s, sizeof *s + s->n * sizeof *s->runs);
}

/* Claims a run unless another process holds it. Who held it may have published all of it before it ended. */
static mt_status try_run(mt_share *s, run *r, mt_error *err)
{
    char name[MT_CLAIM_NAME];
    snprintf(name, sizeof name, "%s%zu", MT_JOURNAL_FOLDER "/" MT_SHARE_PREFIX, (size_t)(r - s->runs));
    uint64_t now = mt_clock_ns();
    mt_status st = mt_claim_try(&r->claim, s->target, name, s->lease, &r->seen, err);
    if (st || !r->claim.is_held)
        return st;
    s->renewed = now;
    s->w->trusted_until = now + s->lease;
    if ((st = mt_writer_check_unfinished(s->w, err)) ||
        (r->claim.number > 0 && (st = mt_writer_reread_journal(s->w, err))))
        return st;
    r->is_over = is_done(s, r);
    s->run = r->is_over ? NULL : r;
    return MT_OK;
}

/* Tries each run that is not over. *is_left: there are some, and none was claimed. */
static mt_status try_all(mt_share *s, bool *is_left, mt_error *err)
{
    mt_status st = MT_OK;
    *is_left = false;
    for (size_t i = 0, from = s->next; i < s->n && !s->run && !st; i++) {
        run *r = &s->runs[(from + i) % s->n];
        r->is_over = r->is_over || is_done(s, r);
        if (r->is_over)
            continue;
        st = try_run(s, r, err);
        *is_left = *is_left || !r->is_over;
        s->next = (size_t)(r - s->runs) + 1;
    }
    return st;
}

static mt_status nap(mt_share *s, unsigned milliseconds, mt_error *err)
{
    mt_writer *w = s->w;
    int stop = s->follow(s->user);
    for (unsigned part; milliseconds > 0 && !stop; milliseconds -= part) {
        part = milliseconds < SHORT_NAP ? milliseconds : SHORT_NAP;
        mt_lock_take(&w->lock);
        mt_condition_wait_for(&w->freed, &w->lock, part);
        mt_lock_give(&w->lock);
        stop = s->follow(s->user);
    }
    return stop ? mt_fail(err, MT_E_CANCELLED, "cancelled") : MT_OK;
}

mt_status mt_share_next(mt_share *s, uint64_t *first, uint64_t *count, mt_error *err)
{
    bool is_left;
    *first = *count = 0;
    if (s->run)
        s->run->is_over = true;
    s->run = NULL;
    mt_status st = try_all(s, &is_left, err);
    for (unsigned wait = FIRST_NAP; !st && is_left && !s->run; wait = wait < LONGEST_NAP / 2 ? 2 * wait : LONGEST_NAP) {
        if (!(st = nap(s, wait, err)) && !(st = mt_writer_check_unfinished(s->w, err)) &&
            !(st = mt_writer_reread_journal(s->w, err)))
            st = try_all(s, &is_left, err);
    }
    if (!st && s->run)
        mt_writer_part(s->w->info.n_units, (uint64_t)(s->run - s->runs), s->n, first, count);
    return st;
}

/* Once the lease has passed, others may have taken over: units are then published with care until the next claim. */
static bool has_lapsed(const mt_share *s) { return mt_clock_ns() > s->w->trusted_until; }

void mt_share_renew(mt_share *s)
{
    uint64_t now = mt_clock_ns();
    if (!s->run || now - s->renewed < s->lease / RENEWALS)
        return;
    if (!has_lapsed(s))
        s->w->trusted_until = now + s->lease;
    s->renewed = now;
    (void)!mt_claim_renew(&s->run->claim, NULL); /* at worst another process does the same work */
}

mt_status mt_share_catch_up(mt_share *s, mt_error *err)
{
    if (!has_lapsed(s))
        return MT_OK;
    mt_status st = mt_writer_check_unfinished(s->w, err);
    return st ? st : mt_writer_reread_journal(s->w, err);
}

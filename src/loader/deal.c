/* SPDX-License-Identifier: BSD-3-Clause */
#include "loader/deal.h"

#include "base/env.h"
#include "loader/internal.h"

/* Patches that one player (all ranks together, or one rank) deals in rounds. */
typedef struct pile {
    uint64_t first, n; /* positions */
    uint64_t most;     /* patches in a full round */
} pile;

static pile pile_of(const mt_deal *d, uint64_t rank)
{
    if (!d->by_rank) {
        uint64_t done = d->start * d->batch;
        return (pile) { done, d->n - done, d->batch * d->world };
    }
    uint64_t each = d->n / d->world, more = d->n % d->world;
    uint64_t first = each * rank + (rank < more ? rank : more), n = each + (rank < more);
    uint64_t done = d->start / d->world * d->batch;
    return (pile) { first + done, n > done ? n - done : 0, d->batch };
}

static uint64_t divide_up(uint64_t n, uint64_t by) { return n / by + (n % by != 0); }

/* Rank 0 has the most patches, the last rank the fewest. */
uint64_t mt_deal_rounds(const mt_deal *d)
{
    bool drop = d->uneven == MT_UNEVEN_DROP;
    pile p = pile_of(d, drop ? d->world - 1 : 0);
    return drop ? p.n / p.most : divide_up(p.n, p.most);
}

/* The patches before part i of parts, if n patches are divided as evenly as possible. */
static uint64_t before(uint64_t n, uint64_t parts, uint64_t i)
{
    return n / parts * i + (i < n % parts ? i : n % parts);
}

/* The last round shares what is left. */
static mt_hand deal_short(const mt_deal *d, const pile *p, uint64_t round, uint64_t player)
{
    uint64_t ranks = d->by_rank ? 1 : d->world, base = round * p->most, left = p->n > base ? p->n - base : 0;
    if (left >= p->most)
        return (mt_hand) { .first = p->first + base + player * d->batch, .n = d->batch };
    uint64_t from = before(left, ranks, player), to = before(left, ranks, player + 1);
    return (mt_hand) { .first = p->first + base + from, .n = to - from };
}

mt_hand mt_deal_get(const mt_deal *d, uint64_t round, uint64_t rank)
{
    mt_hand hand;
    pile p = pile_of(d, rank);
    uint64_t player = d->by_rank ? 0 : rank;
    if (d->uneven == MT_UNEVEN_SHORT)
        hand = deal_short(d, &p, round, player);
    else
        hand = (mt_hand) { .first = p.first + round * p.most + player * d->batch, .n = d->batch };
    hand.end = p.first + p.n;
    if (d->by_rank) {
        mt_deal whole = *d;
        whole.start = 0;
        hand.again = pile_of(&whole, rank).first;
    }
    hand.number = d->start + round * d->world + rank;
    return hand;
}

uint64_t mt_hand_position(const mt_hand *hand, uint64_t i)
{
    uint64_t at = hand->first + i;
    return at < hand->end ? at : hand->again + (at - hand->end) % (hand->end - hand->again);
}

mt_status mt_loader_positions(mt_loader *l, uint64_t round, uint64_t *positions, size_t *n, mt_error *err)
{
    mt_error_reset(err);
    mt_lock_take(&l->lock);
    mt_deal deal = l->deal;
    uint64_t rounds = l->rounds;
    mt_lock_give(&l->lock);
    if (round >= rounds)
        return mt_fail(err, MT_E_RANGE, "batch %llu is out of bounds for %llu batches of this rank",
                       (unsigned long long)round, (unsigned long long)rounds);
    mt_hand hand = mt_deal_get(&deal, round, l->rank);
    for (uint64_t i = 0; i < hand.n; i++)
        positions[i] = mt_hand_position(&hand, i);
    *n = (size_t)hand.n;
    return MT_OK;
}

mt_status mt_deal_check(const mt_deal *d, mt_error *err)
{
    if (d->by_rank && d->n < d->world)
        return mt_fail(err, MT_E_ARGUMENT, "%llu patches are too few for windows of %llu ranks",
                       (unsigned long long)d->n, (unsigned long long)d->world);
    if (d->uneven != MT_UNEVEN_SHORT)
        return MT_OK;
    uint64_t rounds = mt_deal_rounds(d);
    if (rounds == 0 || mt_deal_get(d, rounds - 1, d->world - 1).n > 0)
        return MT_OK;
    return mt_fail(err, MT_E_ARGUMENT,
                   "the last of %llu patches, in batches of %llu, are too few for a batch on each of %llu ranks; drop "
                   "the last batches, or fill them",
                   (unsigned long long)d->n, (unsigned long long)d->batch, (unsigned long long)d->world);
}

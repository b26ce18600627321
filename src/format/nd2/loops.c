/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops of an acquisition, one inside the other: time, positions of the stage, Z. */
#include "format/nd2/nd2.h"

#include <math.h>

/* Types of loops (eType). */
enum { TIME = 1, POSITIONS = 2, Z_STACK = 4, SPECTRAL = 6, CUSTOM = 7, TIME_IN_PHASES = 8 };

#define MOST_FRAMES 4294967295.0 /* numbers of frames have 32 bits */

/* A whole number from 1 on; 0 if there is none. */
static int64_t count_of(const nd2_value *level, const char *name)
{
    double count = nd2_number(level, name, 0);
    return count >= 1 && count <= MOST_FRAMES ? (int64_t)count : 0;
}

nd2_walk nd2_begin(const nd2_value *list, const nd2_value *flags)
{
    return (nd2_walk) { list ? list->first : NULL, flags, flags ? flags->first : NULL, 0 };
}

const nd2_value *nd2_next(nd2_walk *w)
{
    while (w->item) {
        const nd2_value *item = w->item;
        bool is_valid = w->flag                                 ? w->flag->number != 0
                        : w->flags && w->at < w->flags->n_bytes ? w->flags->bytes[w->at] != 0
                                                                : true;
        w->item = item->next;
        w->flag = w->flag ? w->flag->next : NULL;
        w->at++;
        if (is_valid)
            return item;
    }
    return NULL;
}

/* The positions of the stage. Old files list their coordinates alone. */
const nd2_value *nd2_positions(const nd2_loop *loop)
{
    const nd2_value *points = nd2_find(loop->parameters, "Points");
    return points ? points : nd2_find(loop->parameters, "dPosX");
}

static int64_t count_positions(const nd2_loop *loop)
{
    nd2_walk walk = nd2_begin(nd2_positions(loop), loop->are_valid);
    int64_t n = 0;
    while (nd2_next(&walk))
        n++;
    return n;
}

static double z_step(const nd2_value *parameters, int64_t count)
{
    double step = fabs(nd2_number(parameters, "dZStep", 0));
    double range = fabs(nd2_number(parameters, "dZHigh", 0) - nd2_number(parameters, "dZLow", 0));
    return step > 0 ? step : count > 1 ? range / (double)(count - 1) : 0;
}

/* Of a time loop in phases: the phases that were acquired. */
static int64_t count_phases(const nd2_value *parameters)
{
    nd2_walk walk = nd2_begin(nd2_find(parameters, "pPeriod"), nd2_find(parameters, "pPeriodValid"));
    int64_t n = 0;
    for (const nd2_value *phase; (phase = nd2_next(&walk));)
        n += count_of(phase, "uiCount");
    return n;
}

static void read_time(nd2_loop *out)
{
    double period = nd2_number(out->parameters, "dAvgPeriodDiff", 0);
    period = period > 0 ? period : nd2_number(out->parameters, "dPeriod", 0);
    out->axis = 'T';
    out->count = count_of(out->parameters, "uiCount");
    out->step = period > 0 ? period / 1000 : 0;
}

/* Reads the loop of a level. A loop of count 0 is none; axis 0: it does not count frames. */
static void read_loop(const nd2_value *experiment, nd2_loop *out, const char **unknown)
{
    *out = (nd2_loop) { .parameters = nd2_unwrap(nd2_find(experiment, "uLoopPars")) };
    if (!out->parameters)
        return;
    switch (count_of(experiment, "eType")) {
    case TIME: read_time(out); break;
    case TIME_IN_PHASES:
        out->axis = 'T';
        out->count = count_phases(out->parameters);
        break;
    case POSITIONS:
        out->axis = 'S';
        out->are_valid = nd2_find(experiment, "pItemValid");
        out->count = count_positions(out);
        break;
    case Z_STACK:
        out->axis = 'Z';
        out->count = count_of(out->parameters, "uiCount");
        out->step = z_step(out->parameters, out->count);
        break;
    case SPECTRAL: out->count = 1; break;
    case CUSTOM:
        out->axis = 'S';
        out->count = count_of(out->parameters, "uiCount");
        break;
    default: *unknown = "one is of an unknown type";
    }
}

/* The next inner level: of several, that with the most positions. A time loop in phases may keep it in its first
 * phase. */
static const nd2_value *find_inner(const nd2_value *experiment, const char **unknown)
{
    const nd2_value *inner = nd2_find(experiment, "ppNextLevelEx"), *best = NULL;
    const nd2_value *phases = nd2_find(nd2_unwrap(nd2_find(experiment, "uLoopPars")), "pSubLoops");
    if (!(inner && inner->first) && phases)
        inner = nd2_find(phases->first, "ppNextLevelEx");
    int64_t most = 0;
    for (const nd2_value *level = inner ? inner->first : NULL; level; level = level->next) {
        const nd2_value *own = nd2_find(level, "SLxExperiment");
        nd2_loop loop;
        own = own ? own : level;
        read_loop(own, &loop, unknown);
        if (loop.count > most) {
            most = loop.count;
            best = own;
        }
    }
    return best;
}

static bool has_axis(const nd2_loops *loops, char axis)
{
    for (int i = 0; i < loops->n; i++)
        if (loops->loop[i].axis == axis)
            return true;
    return false;
}

void nd2_read_loops(const nd2_value *experiment, nd2_loops *out)
{
    *out = (nd2_loops) { .n = 0 };
    while (experiment && !out->unknown) {
        nd2_loop loop;
        read_loop(experiment, &loop, &out->unknown);
        if (loop.count == 0)
            return;
        if (loop.axis && out->n == ND2_MAX_LOOPS)
            out->unknown = "there are too many";
        else if (loop.axis && loop.axis != 'S' && has_axis(out, loop.axis))
            out->unknown = "two are along the same axis";
        else if (loop.axis)
            out->loop[out->n++] = loop;
        experiment = find_inner(experiment, &out->unknown);
    }
}

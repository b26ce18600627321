/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/steps.h"

#include "write/options.h"

static void tell(const mt_steps *steps)
{
    if (steps->options.progress && steps->total > 0)
        steps->options.progress(steps->options.user, steps->done, steps->total);
}

/* What the cancel function is called with. */
static int follow(void *user)
{
    mt_steps *steps = user;
    tell(steps);
    return steps->options.cancelled ? steps->options.cancelled(steps->options.user) : 0;
}

mt_status mt_steps_begin(mt_steps *steps, const mt_finish_options *options, mt_error *err)
{
    const mt_extract_options asked = { .struct_size = sizeof asked, .cancelled = follow, .user = steps };
    steps->done = steps->total = 0;
    mt_status st = mt_options_take(&steps->options, sizeof steps->options, options, "mt_finish_options", err);
    return st ? st : mt_cancel_init(&steps->cancel, &asked, err);
}

mt_status mt_steps_take(mt_steps *steps, uint64_t n, mt_error *err)
{
    steps->done += n;
    return mt_cancel_asked(&steps->cancel) ? mt_fail(err, MT_E_CANCELLED, MT_CANCEL_MESSAGE) : MT_OK;
}

mt_status mt_steps_ask(void *user, mt_error *err) { return mt_steps_take(user, 0, err); }

void mt_steps_end(mt_steps *steps)
{
    steps->total = steps->total > 0 ? steps->total : 1;
    steps->done = steps->total;
    tell(steps);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/cancel.h"

#include <string.h>

static _Thread_local char this_thread; /* its address identifies the thread */

mt_status mt_cancel_init(mt_cancel *cancel, const mt_extract_options *options, mt_error *err)
{
    memset(&cancel->options, 0, sizeof cancel->options);
    if (options && (options->struct_size == 0 || options->struct_size > sizeof *options))
        return mt_fail(err, MT_E_ARGUMENT, "mt_extract_options.struct_size is %zu, not %zu", options->struct_size,
                       sizeof *options);
    if (options)
        memcpy(&cancel->options, options, options->struct_size);
    cancel->caller = &this_thread;
    cancel->stopped = cancel->ended = false;
    return MT_OK;
}

bool mt_cancel_asked(mt_cancel *cancel)
{
    if (!cancel)
        return false;
    const mt_extract_options *options = &cancel->options;
    if (options->cancelled && cancel->caller == &this_thread && !cancel->stopped && options->cancelled(options->user))
        cancel->stopped = true;
    return cancel->stopped || cancel->ended;
}

mt_status mt_cancel_status(const mt_cancel *cancel, mt_status status, mt_error *err)
{
    if (!cancel->stopped)
        return status;
    if (err)
        *err = (mt_error)MT_ERROR_INIT;
    return mt_fail(err, MT_E_CANCELLED, MT_CANCEL_MESSAGE);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The name of an image that is one file: the file is written in the folder "PATH.partial", and becomes PATH when it is
 * complete. */
#ifndef MT_WRITE_NAME_H
#define MT_WRITE_NAME_H

#include "write/sink.h"

/* The path of the finished image of a target. */
void mt_target_find_name(const mt_target *target, char out[MT_PATH_BYTES]);

/* Gives the complete file at path its name. MT_E_ARGUMENT if another file has it. */
MT_MUST_CHECK mt_status mt_sink_give_name(mt_sink *sink, const char *path, mt_error *err);

#endif

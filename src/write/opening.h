/* SPDX-License-Identifier: BSD-3-Clause */
/* Steps of opening a writer, for writer.c and survey.c. */
#ifndef MT_WRITE_OPENING_H
#define MT_WRITE_OPENING_H

#include "write/writer.h"

/* Sets up a new writer in one of several ways. The path belongs to the writer. */
typedef mt_status (*mt_open_writer)(mt_writer *w, const char *path, const mt_writer_options *options, mt_error *err);

/* Makes a writer. plan is that of another writer, which outlives this one, or NULL. */
MT_MUST_CHECK mt_status mt_writer_open_with(mt_open_writer how, mt_context *context, const char *path,
                                            const mt_writer_options *options, mt_plan *plan, mt_writer **out,
                                            mt_error *err);

/* Resolves options to a plan. */
MT_MUST_CHECK mt_status mt_writer_make_plan(mt_writer *w, const char *path, const mt_writer_options *options,
                                            const mt_sink_ops **ops, mt_error *err);
void mt_writer_set_digest(mt_writer *w, const mt_buffer *text); /* text: of the plan */

MT_MUST_CHECK mt_status mt_writer_open_target(mt_writer *w, const mt_sink_ops *ops, const char *path, int durability,
                                              mt_error *err);

/* Loads the plan of an unfinished output; *out is NULL if there is none. */
MT_MUST_CHECK mt_status mt_writer_load_plan(mt_writer *w, json_t **out, mt_error *err);

/* The same of an output to continue: MT_E_ARGUMENT if there is none, and the path is not free. */
MT_MUST_CHECK mt_status mt_writer_find_plan(mt_writer *w, const char *path, json_t **out, mt_error *err);

/* Creates or continues the output of the plan. */
MT_MUST_CHECK mt_status mt_writer_begin(mt_writer *w, const mt_sink_ops *ops, const char *path, mt_error *err);

#endif

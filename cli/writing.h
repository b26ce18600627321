/* SPDX-License-Identifier: BSD-3-Clause */
/* Outputs of convert and predict: their options, and what is said about them. */
#ifndef MICROTOME_CLI_WRITING_H
#define MICROTOME_CLI_WRITING_H

#include "cli.h"

typedef struct writing {
    const struct args *args;
    const char *path;
    mt_writer_options options; /* their pointers point into this, and to what is borrowed */
    char axes[8];              /* of the output, as all sizes below */
    int64_t shape[MT_MAX_DIMS], chunk[MT_MAX_DIMS], shard[MT_MAX_DIMS];
    char *identity, *note;  /* owned; note: what is missing in the inputs; NULL: nothing */
    uint64_t part, n_parts; /* part counts from 0; 0 parts: the whole */
    int64_t lease;          /* seconds of --claim; 0: not given */
    /* Of a label image: that of its image, whose chunks and shards it has along the same axes; else NULL. */
    const struct writing *image;
} writing;

/* Whether --dtype is "source", the type of the input. */
bool is_source_dtype(const struct args *args);
/* Reads the options that need no image: --format, --codec, --part and so on. The output is the last path. */
int writing_read(writing *w, const struct args *args);
/* Whether other processes write the output, too: it is left unfinished. */
bool writing_is_shared(const writing *w);
/* Whether the output is OME-Zarr. */
bool writing_is_zarr(const writing *w);
/* Reads --chunks and --shards, and points the options to axes, shape and note, which are set. */
int writing_plan(writing *w);
/* Frees what depends on the image. */
void writing_free_plan(writing *w);

/* Writes the identity of an input. EXIT_FAILED after a message. */
int identify_input(FILE *out, const mt_stack *stack);
/* Writes the options among names that are given. */
void identify_options(FILE *out, const struct args *args, const char *const *names, size_t n);
/* Sets the note if files or frames of the inputs are missing; done: "converted". */
void writing_note_missing(writing *w, mt_stack *const *inputs, size_t n, const char *done);

/* An output at work. */
typedef struct writing_run {
    const writing *to;
    mt_writer *writer;      /* owned */
    uint64_t n_done, bytes; /* units done and bytes published before the run */
    double unit_bytes;      /* pixels of a unit, on average */
    struct progress progress;
} writing_run;

/* Creates or continues the output, and prints how much is done. If it is complete, prints that and sets the writer to
 * NULL. */
int writing_begin(writing_run *run, const writing *to, mt_context *context);
/* Whether another process has finished the image that this one shares by claims, which is told. */
bool writing_was_finished(const writing_run *run, mt_context *context);
/* Reports a failure or an interruption, and how to continue. Returns the exit code. */
int writing_failed(const writing_run *run, const mt_error *err);
void say_how_to_continue(const writing_run *run);
/* Prints notes on values that did not fit, and on chunks that the inputs lack. */
void note_values(const writing_run *run, mt_stack *const *inputs, size_t n);
/* Prints what to do once all processes are done. */
void report_shared(const writing *w);

/* Whether --verify is given with an option after which the pixels differ from those of the input: EXIT_USAGE. */
int check_verify(const struct args *args, const char *const *others, size_t n);
/* Compares the pixels of the finished output with those of the input. */
int writing_verify(const writing *w, mt_context *context, mt_stack *input);

#endif

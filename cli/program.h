/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that answers batches: each goes to its standard input, and the answer comes from its standard output. Both
 * are a line with the number of the batch and a shape, such as "17: 8 1 256 256", and then as many float32 in the byte
 * order of the machine, in C order. */
#ifndef MICROTOME_CLI_PROGRAM_H
#define MICROTOME_CLI_PROGRAM_H

#include "cli.h"

/* A program that dies so often on one batch is not started again. */
enum { MOST_DEATHS = 3 };

#define BATCH_DIMS 5

/* A batch and its answer. */
typedef struct exchange {
    uint64_t number;
    int ndim;
    int64_t in_shape[BATCH_DIMS], out_shape[BATCH_DIMS];
    const float *in;
    float *out; /* has room for out_shape */
} exchange;

typedef struct program program;

/* Does not start it yet. progress is cleared before the program's messages are printed. */
program *program_new(const char *command, struct progress *progress);

/* Sends a batch and receives the answer. Starts the program, again if it dies. EXIT_INTERRUPTED after a message on
 * Ctrl-C; EXIT_FAILED after a message if it dies too often, or if the answer is not one. */
int program_ask(program *p, const exchange *batch);

/* After the last batch: lets the program end, and notes what is strange about that. */
void program_finish(program *p);

/* Ends the program if it runs. NULL is allowed. */
void program_free(program *p);

#endif

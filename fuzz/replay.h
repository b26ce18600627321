/* SPDX-License-Identifier: BSD-3-Clause */
/* A fuzz target without libFuzzer. */
#ifndef MT_FUZZ_REPLAY_H
#define MT_FUZZ_REPLAY_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes of a file, freed by the caller; NULL, with a message, if it cannot be read. */
uint8_t *read_file(const char *path, size_t *size);

/* Compares the outcomes of a table's seeds with the table. how: "" or "write" the table anew or "show" each outcome.
 * Returns 0 if they are the same. */
int check_outcomes(const char *table, const char *source_folder, const char *how);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Processes, as other processes that share a file system tell them apart. */
#ifndef MT_PLATFORM_PROCESS_H
#define MT_PLATFORM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct mt_process {
    char host[65];   /* without blanks; several machines may have the same name */
    int64_t machine; /* differs between machines, unless one is a copy of the other; 0: unknown */
    int64_t boot;    /* differs between starts of the system, of all machines; 0: unknown */
    int64_t space;   /* of numbers: containers on one host have their own; 0: unknown */
    int64_t number;  /* of the process */
    int64_t started; /* tells processes apart that have the same number, one after the other; 0: unknown */
} mt_process;

void mt_process_get(mt_process *out); /* the calling one */

/* Whether a process has certainly ended: it ran on this machine, which was started again since, or does not have it. */
bool mt_process_has_ended(const mt_process *process);

#endif

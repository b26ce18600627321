/* SPDX-License-Identifier: BSD-3-Clause */
/* A child process with pipes to its standard input, output and error. */
#ifndef MICROTOME_CLI_PROCESS_H
#define MICROTOME_CLI_PROCESS_H

#include "cli.h"

#include <sys/types.h>

struct process {
    pid_t id;                  /* also of its group; 0: none runs */
    int in, out, err;          /* our ends; -1: closed */
    char words[2048];          /* the end of what it wrote to standard error, which is printed */
    struct progress *progress; /* cleared before its words are printed */
};

/* What can be done without waiting. */
struct process_events {
    bool can_write, can_read;
};

/* Runs a command of the shell, in a process group of its own. EXIT_FAILED after a message. */
int process_start(struct process *p, const char *command);

/* Waits until the process can be read from, or, with `writes`, be written to; at_once: does not wait. Prints what it
 * writes to standard error. Returns without events after a moment, and after a signal. */
struct process_events process_wait(struct process *p, bool writes, bool at_once);

/* As read and write. process_read returns 0 at the end, -1 if there is nothing; process_write returns -1 if nothing was
 * taken, also if the process has closed its standard input. */
ssize_t process_read(struct process *p, void *data, size_t size);
ssize_t process_write(struct process *p, const void *data, size_t size);

/* Closes the standard input, and waits until the standard output ends, or for a few seconds. Returns how many bytes
 * still came from it. */
size_t process_close(struct process *p);

/* Waits for the end of a process that has closed its pipes; if it goes on, it is killed. Writes "exit status 1" or the
 * like. Returns whether the shell could not run the command. */
bool process_end(struct process *p, char *how, size_t room);

/* Ends the process and its group, gently first. */
void process_kill(struct process *p);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <errno.h>
#include <string.h>

int unknown_command(const char *name)
{
    struct nearest near = nearest_to(name, strlen(name));
    for (const struct command *c = commands; c->name; c++)
        nearest_try(&near, c->name);
    fprintf(stderr, "microtome: unknown command '%s'", name);
    if (near.best)
        fprintf(stderr, " (did you mean '%s'?)", near.best);
    fputs("; 'microtome help' lists them\n", stderr);
    return EXIT_USAGE;
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct args args;
    int status = args_parse(&args, command, argc, argv);
    if (!status && args.help)
        print_help(command);
    else if (!status)
        status = command->run(&args);
    args_free(&args);
    return status;
}

int main(int argc, char **argv)
{
    int status;
    const struct command *command = argc > 1 ? command_find(argv[1]) : NULL;
    if (command) {
        status = run_command(command, argc - 2, argv + 2);
    } else if (argc < 2) {
        fputs("microtome: no command given; 'microtome help' lists them\n", stderr);
        status = EXIT_USAGE;
    } else if (!strcmp(argv[1], "--version")) {
        printf("microtome %s\n", mt_version());
        status = EXIT_OK;
    } else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(NULL);
        status = EXIT_OK;
    } else {
        status = unknown_command(argv[1]);
    }
    bool lost = fflush(stdout) != 0, closed = lost && errno == EPIPE; /* closed: the reader has closed the pipe */
    if ((lost || ferror(stdout)) && !status)
        status = closed ? EXIT_FAILED : failed("the output could not be written");
    return status;
}

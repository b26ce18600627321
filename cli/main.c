/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

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
        fputs("microtome: no command is given; 'microtome help' lists them\n", stderr);
        status = EXIT_USAGE;
    } else if (!strcmp(argv[1], "--version")) {
        printf("microtome %s\n", mt_version());
        status = EXIT_OK;
    } else if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(NULL);
        status = EXIT_OK;
    } else {
        fprintf(stderr, "microtome: there is no command '%s'; 'microtome help' lists them\n", argv[1]);
        status = EXIT_USAGE;
    }
    if ((fflush(stdout) || ferror(stdout)) && !status)
        status = failed("the output could not be written");
    return status;
}

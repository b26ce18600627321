/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome help, and the text of --help. */
#include "cli.h"

#include <string.h>

#define WIDTH 79

/* Prints text wrapped, with lines indented by indent. column: the current column. */
static void print_wrapped(const char *text, int indent, int column)
{
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_option(const char *name, const char *argument, const char *help)
{
    int column = printf("  --%s%s%s", name, argument ? " " : "", argument ? argument : "");
    if (column > 21) {
        putchar('\n');
        column = 0;
    }
    printf("%*s", 22 - column, "");
    print_wrapped(help, 22, 22);
}

void print_synopsis(FILE *file, const struct command *command)
{
    fprintf(file, "microtome %s%s%s%s", command->name, *command->arguments ? " " : "", command->arguments,
            command->options ? " [OPTION...]" : "");
}

static void print_command_help(const struct command *command)
{
    fputs("usage: ", stdout);
    print_synopsis(stdout, command);
    printf("\n\n");
    print_wrapped(command->description, 0, 0);
    printf("\noptions:\n");
    for (const struct option *o = command->options; o && o->name; o++)
        print_option(o->name, o->argument, o->help);
    print_option("help", NULL, "Show this help.");
    printf("\nexamples:\n");
    for (const example *e = command->examples; e->line; e++)
        printf("  %s\n      %s\n", e->line, e->what);
}

void print_help(const struct command *command)
{
    if (command) {
        print_command_help(command);
        return;
    }
    printf("usage: microtome COMMAND [ARGUMENT...]\n\nCuts patches out of microscopy images larger than memory, and "
           "puts predicted tiles back together.\n\n"
           "commands:\n");
    for (const struct command *c = commands; c->name; c++)
        printf("  %-12s%s\n", c->name, c->summary);
    printf("\n'microtome COMMAND --help' shows options and examples of a command,\n"
           "'microtome --version' the version.\n\n"
           "exit codes: 0 done; 1 an image could not be read or does not fit the options,\n"
           "or a file could not be written; 2 the command line is invalid; 3 an output is not\n"
           "complete; 130 interrupted.\n");
}

int run_help(const struct args *args)
{
    const struct command *command = args->n_paths ? command_find(args->paths[0]) : NULL;
    if (args->n_paths && !command)
        return unknown_command(args->paths[0]);
    print_help(command);
    return EXIT_OK;
}

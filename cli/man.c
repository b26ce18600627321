/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome man: the text of --help as a man(7) page. */
#include "cli.h"

/* Escapes backslashes and dashes, and a dot or quote at the start of a line, which are special in roff. */
static void print_roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void print_section(const char *title, const char *text)
{
    printf(".SH %s\n", title);
    print_roff(text);
    putchar('\n');
}

static void print_term(const char *dashes, const char *name, const char *argument, const char *text)
{
    printf(".TP\n\\fB");
    print_roff(dashes);
    print_roff(name);
    printf("\\fR");
    if (argument) {
        printf(" \\fI");
        print_roff(argument);
        printf("\\fR");
    }
    putchar('\n');
    print_roff(text);
    putchar('\n');
}

static void print_exit_codes(void)
{
    printf(".SH EXIT STATUS\n");
    print_term("", "0", NULL, "Done.");
    print_term("", "1", NULL,
               "An image could not be read or does not fit the options, or a file could not be written.");
    print_term("", "2", NULL, "The command line is invalid. Nothing was done.");
    print_term("", "3", NULL, "An output is not complete: other parts, or microtome finish, are left.");
    print_term("", "130", NULL, "Interrupted. Files are complete or removed; the output of convert can be continued.");
}

static void print_command_page(const struct command *command)
{
    printf(".TH \"MICROTOME\\-%s\" 1 \"\" \"microtome %s\" \"User Commands\"\n.SH NAME\nmicrotome\\-%s \\- %s\n"
           ".SH SYNOPSIS\n",
           command->name, mt_version(), command->name, command->summary);
    print_synopsis(stdout, command);
    putchar('\n');
    print_section("DESCRIPTION", command->description);
    printf(".SH OPTIONS\n");
    for (const struct option *o = command->options; o && o->name; o++)
        print_term("--", o->name, o->argument, o->help);
    print_term("--", "help", NULL, "Show help.");
    printf(".SH EXAMPLES\n");
    for (const example *e = command->examples; e->line; e++)
        print_term("", e->line, NULL, e->what);
    print_exit_codes();
}

int run_man(const struct args *args)
{
    const struct command *command = args->n_paths ? command_find(args->paths[0]) : NULL;
    if (args->n_paths && !command)
        return unknown_command(args->paths[0]);
    if (command) {
        print_command_page(command);
        return EXIT_OK;
    }
    printf(".TH MICROTOME 1 \"\" \"microtome %s\" \"User Commands\"\n.SH NAME\n"
           "microtome \\- cut patches out of microscopy images larger than memory\n"
           ".SH SYNOPSIS\nmicrotome COMMAND [ARGUMENT...]\n.SH COMMANDS\n",
           mt_version());
    for (const struct command *c = commands; c->name; c++)
        print_term("", c->name, c->arguments, c->summary);
    print_exit_codes();
    return EXIT_OK;
}

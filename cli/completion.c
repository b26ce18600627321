/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome completion: scripts for bash and zsh. */
#include "cli.h"

#include <string.h>

static void print_names(void)
{
    for (const struct command *c = commands; c->name; c++)
        printf("%s%s", c == commands ? "" : " ", c->name);
}

static void print_bash(void)
{
    printf("_microtome() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words=\n    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
           "        words='");
    print_names();
    printf(" --help --version'\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (const struct command *c = commands; c->name; c++) {
        printf("        %s) words='", c->name);
        for (const struct option *o = c->options; o && o->name; o++)
            printf("--%s ", o->name);
        printf("--help");
        if (!strcmp(c->name, "completion"))
            printf(" bash zsh");
        printf("'");
        if (strstr(c->arguments, "COMMAND")) {
            printf("\" ");
            print_names();
            printf("\"");
        }
        printf(" ;;\n");
    }
    printf("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
           "complete -o default -F _microtome microtome\n");
}

/* Escapes brackets and colons, which are special in zsh's _arguments, inside single quotes. */
static void print_zsh_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else
            printf(strchr("[]:\\", *text) ? "\\%c" : "%c", *text);
    }
}

static bool takes_path(const struct option *o)
{
    return strstr(o->argument, "FILE") || strstr(o->argument, "FOLDER") || strstr(o->argument, "IMAGE");
}

static void print_zsh_options(const struct command *command)
{
    for (const struct option *o = command->options; o && o->name; o++) {
        printf(" \\\n        '%s--%s%s[", o->repeated ? "*" : "", o->name, o->argument ? "=" : "");
        print_zsh_text(o->help);
        printf("]");
        if (o->argument) {
            printf(":");
            print_zsh_text(o->argument);
            printf(":%s", takes_path(o) ? "_files" : "");
        }
        printf("'");
    }
}

static void print_zsh(void)
{
    printf("#compdef microtome\nif (( CURRENT == 2 )); then\n    _values 'command'");
    for (const struct command *c = commands; c->name; c++) {
        printf(" '%s[", c->name);
        print_zsh_text(c->summary);
        printf("]'");
    }
    printf("\n    return\nfi\nlocal chosen=$words[2]\nshift words\n(( CURRENT-- ))\ncase $chosen in\n");
    for (const struct command *c = commands; c->name; c++) {
        printf("    %s)\n    _arguments '--help[Show help.]'", c->name);
        print_zsh_options(c);
        if (!strcmp(c->name, "completion"))
            printf(" '1:shell:(bash zsh)'");
        else if (strstr(c->arguments, "PATH"))
            printf(" '*:image:_files'");
        else if (strstr(c->arguments, "COMMAND")) {
            printf(" '1:command:(");
            print_names();
            printf(")'");
        }
        printf(" ;;\n");
    }
    printf("esac\n");
}

int run_completion(const struct args *args)
{
    if (!strcmp(args->paths[0], "bash"))
        print_bash();
    else if (!strcmp(args->paths[0], "zsh"))
        print_zsh();
    else
        return usage_error(args, "completion supports bash and zsh, not '%s'", args->paths[0]);
    return EXIT_OK;
}

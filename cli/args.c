/* SPDX-License-Identifier: BSD-3-Clause */
/* Strict argument parsing. */
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int usage_error(const struct args *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "microtome %s: ", args->command->name);
    vfprintf(stderr, format, list);
    va_end(list);
    fprintf(stderr, "; see 'microtome %s --help'\n", args->command->name);
    return EXIT_USAGE;
}

static int find_option(const struct command *command, const char *name, size_t length)
{
    if (length == strlen("channel") && !memcmp(name, "channel", length))
        return find_option(command, "channels", strlen("channels"));
    for (int i = 0; command->options && command->options[i].name; i++)
        if (strlen(command->options[i].name) == length && !memcmp(command->options[i].name, name, length))
            return i;
    return -1;
}

int unknown_name(const struct args *args, const char *kind, const struct nearest *near)
{
    if (near->best)
        return usage_error(args, "unknown %s '%.*s' (did you mean '%s'?)", kind, (int)near->length, near->word,
                           near->best);
    return usage_error(args, "unknown %s '%.*s'", kind, (int)near->length, near->word);
}

static int unknown_option(const struct args *args, const char *name, size_t length)
{
    struct nearest near = nearest_to(name, length);
    for (const struct option *o = args->command->options; o && o->name; o++)
        nearest_try(&near, o->name);
    nearest_try(&near, "help");
    if (near.best)
        return usage_error(args, "unknown option '--%.*s' (did you mean '--%s'?)", (int)length, name, near.best);
    return usage_error(args, "unknown option '--%.*s'", (int)length, name);
}

/* Parses the option at argv[*i]; advances *i past a separate value. */
static int take_option(struct args *args, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    int found = find_option(args->command, name, length);
    if (found < 0)
        return unknown_option(args, name, length);
    const struct option *option = &args->command->options[found];
    const char *value = equals ? equals + 1 : "";
    if (option->argument && !equals) {
        if (*i + 1 >= argc)
            return usage_error(args, "--%s needs an argument: %s", option->name, option->argument);
        value = argv[++*i];
    } else if (!option->argument && equals) {
        return usage_error(args, "--%s takes no value", option->name);
    }
    if (args->counts[found] && !option->repeated)
        return usage_error(args, "--%s is given twice", option->name);
    if (!args->values[found])
        args->values[found] = need((size_t)argc, sizeof *args->values[found]);
    args->values[found][args->counts[found]++] = value;
    return EXIT_OK;
}

int args_parse(struct args *args, const struct command *command, int argc, char **argv)
{
    memset(args, 0, sizeof *args);
    args->command = command;
    args->argc = argc;
    args->argv = argv;
    args->paths = need((size_t)argc + 1, sizeof *args->paths);
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (!options || argv[i][0] != '-' || !argv[i][1]) {
            args->paths[args->n_paths++] = argv[i];
        } else if (!strcmp(argv[i], "--")) {
            options = false;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            args->help = true;
            return EXIT_OK;
        } else if (argv[i][1] != '-') {
            return usage_error(args, "unknown option '%s'", argv[i]);
        } else {
            int status = take_option(args, argc, argv, &i);
            if (status)
                return status;
        }
    }
    if (args->n_paths < (size_t)command->min_arguments)
        return args->n_paths ? usage_error(args, "only '%s' is given, not %s", args->paths[0], command->arguments)
                             : usage_error(args, "%s is missing", command->arguments);
    if (command->max_arguments >= 0 && args->n_paths > (size_t)command->max_arguments)
        return usage_error(args, "unexpected argument '%s'", args->paths[command->max_arguments]);
    return EXIT_OK;
}

void args_free(struct args *args)
{
    for (size_t i = 0; i < MAX_OPTIONS; i++)
        free(args->values[i]);
    free(args->paths);
}

size_t args_count(const struct args *args, const char *name)
{
    int found = find_option(args->command, name, strlen(name));
    return found < 0 ? 0 : args->counts[found];
}

const char *args_get(const struct args *args, const char *name, size_t i)
{
    int found = find_option(args->command, name, strlen(name));
    return found < 0 || i >= args->counts[found] ? NULL : args->values[found][i];
}

/* Stricter than strtoll, which accepts leading blanks and '+'. */
static bool read_integer(const char **text, int64_t low, int64_t high, int64_t *out)
{
    const char *digits = *text + (**text == '-');
    if (*digits < '0' || *digits > '9')
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(*text, &end, 10);
    if (errno || value < low || value > high)
        return false;
    *text = end;
    *out = value;
    return true;
}

int args_integer(const struct args *args, const char *name, int64_t low, int64_t high, int64_t *out)
{
    const char *text = args_get(args, name, 0), *rest = text;
    if (!text || (read_integer(&rest, low, high, out) && !*rest))
        return EXIT_OK;
    if (high == INT64_MAX)
        return usage_error(args, "--%s takes an integer of at least %" PRId64 ", not '%s'", name, low, text);
    return usage_error(args, "--%s takes an integer from %" PRId64 " to %" PRId64 ", not '%s'", name, low, high, text);
}

/* Parses a number of bytes with an optional unit, a power of 1024: 512M, 2G, 2GiB. */
int args_size(const struct args *args, const char *name, int64_t *out)
{
    static const char units[] = "KMGT";
    const char *text = args_get(args, name, 0), *rest = text;
    if (!text)
        return EXIT_OK;
    bool good = read_integer(&rest, 0, INT64_MAX, out);
    const char *unit = good && *rest ? strchr(units, *rest == 'k' ? 'K' : *rest) : NULL;
    if (unit) {
        int shift = 10 * (int)(unit - units + 1);
        good = *out <= INT64_MAX >> shift;
        *out = good ? *out << shift : 0;
        rest++;
        rest += strcmp(rest, "iB") == 0 ? 2 : strcmp(rest, "B") == 0;
    }
    if (good && !*rest)
        return EXIT_OK;
    return usage_error(args, "--%s takes a number of bytes, such as 512M or 2G, not '%s'", name, text);
}

int args_seed(const struct args *args, const char *name, uint64_t *out)
{
    const char *text = args_get(args, name, 0);
    if (!text)
        return EXIT_OK;
    char *end = NULL;
    errno = 0;
    if (*text >= '0' && *text <= '9')
        *out = strtoull(text, &end, 10);
    if (!end || *end || errno)
        return usage_error(args, "--%s takes an integer from 0 to 18446744073709551615, not '%s'", name, text);
    return EXIT_OK;
}

int args_list(const struct args *args, const char *name, size_t i, int64_t low, int64_t high, size_t most, int64_t *out,
              size_t *n)
{
    const char *text = args_get(args, name, i), *rest = text;
    *n = 0;
    while (text && *n < most && read_integer(&rest, low, high, &out[*n])) {
        ++*n;
        if (!*rest)
            return EXIT_OK;
        if (*rest != ',' && *rest != 'x')
            break;
        rest++;
    }
    return text ? usage_error(args, "--%s: '%s' is not a list of integers%s", name, text,
                              low >= 1   ? " above 0"
                              : low == 0 ? " from 0 on"
                                         : "")
                : EXIT_OK;
}

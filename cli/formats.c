/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome formats */
#include "cli.h"

#include <string.h>

int run_formats(const struct args *args)
{
    const char *name, *title, *suffixes, *wanted = args->n_paths ? args->paths[0] : NULL;
    struct nearest near = nearest_to(wanted ? wanted : "", wanted ? strlen(wanted) : 0);
    int width = 0, title_width = 0;
    bool found = !wanted;
    for (size_t i = 0; (name = mt_format_name(i, &title, NULL)); i++) {
        nearest_try(&near, name);
        width = (int)strlen(name) > width ? (int)strlen(name) : width;
        title_width = (int)strlen(title) > title_width ? (int)strlen(title) : title_width;
    }
    for (size_t i = 0; (name = mt_format_name(i, &title, &suffixes)); i++) {
        if (wanted && strcmp(name, wanted) != 0)
            continue;
        printf("%-*s  %-*s%s%s\n", width, name, *suffixes ? title_width : 0, title, *suffixes ? "  " : "", suffixes);
        found = true;
    }
    return found ? EXIT_OK : unknown_name(args, "format", &near);
}

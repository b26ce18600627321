/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome formats */
#include "cli.h"

int run_formats(const struct args *args)
{
    (void)args;
    const char *name, *title, *suffixes;
    for (size_t i = 0; (name = mt_format_name(i, &title, &suffixes)); i++)
        printf("%-8s  %-36s  %s\n", name, title, suffixes);
    return EXIT_OK;
}

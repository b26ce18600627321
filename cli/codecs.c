/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome codecs */
#include "cli.h"

#include <string.h>

int run_codecs(const struct args *args)
{
    const char *name, *build_switch, *wanted = args->n_paths ? args->paths[0] : NULL;
    struct nearest near = nearest_to(wanted ? wanted : "", wanted ? strlen(wanted) : 0);
    bool found = !wanted;
    for (size_t i = 0; (name = mt_codec_name(i, &build_switch)); i++) {
        nearest_try(&near, name);
        if (wanted && strcmp(name, wanted) != 0)
            continue;
        found = true;
        printf("%-18s%s", name, mt_codec_title(i));
        if (build_switch)
            printf("; not in this build: build with -D%s=ON", build_switch);
        putchar('\n');
    }
    return found ? EXIT_OK : unknown_name(args, "codec", &near);
}

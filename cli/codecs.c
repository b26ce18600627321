/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome codecs */
#include "cli.h"

int run_codecs(const struct args *args)
{
    (void)args;
    const char *name, *build_switch;
    for (size_t i = 0; (name = mt_codec_name(i, &build_switch)); i++) {
        if (build_switch)
            printf("%-20snot in this build; -D%s=ON brings it\n", name, build_switch);
        else
            printf("%s\n", name);
    }
    return EXIT_OK;
}

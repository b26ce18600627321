/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of pictures, which view and patches --sheet share. */
#ifndef MICROTOME_CLI_DRAWING_H
#define MICROTOME_CLI_DRAWING_H

#include "cli.h"

struct drawing {
    mt_draw_options options;
    double *contrast;
    struct progress progress;
    mt_picture_info drawn;
};

/* Reads --contrast, --project, --colors, --scale-bar and --legend. EXIT_USAGE after a message. drawing_free in any case. */
int drawing_read(struct drawing *drawing, const struct args *args);
void drawing_free(struct drawing *drawing);
/* Whether one of these options was given, and which. */
const char *drawing_option(const struct args *args);
/* Prints what was drawn, and with which contrast. */
void drawing_print(const struct drawing *drawing, const mt_stack_info *info, const char *path, FILE *to);

#endif

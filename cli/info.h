/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MICROTOME_CLI_INFO_H
#define MICROTOME_CLI_INFO_H

#include "cli.h"

struct entry {
    const char *name;              /* the path without the query of a URL, which may be secret */
    mt_stack *stack;               /* the open image */
    const mt_stack_info *info;     /* of stack */
    mt_names *parts, *attachments; /* NULL if not requested */
    mt_writer *writing;            /* NULL: the image is not being written */
    mt_checksum checksum;          /* text is "" if not requested or failed */
};

/* The number of names in info->missing. */
size_t missing_names(const mt_stack_info *info);
const char *axes_source_name(const mt_stack_info *info);

void print_table(const struct entry *entry);
void print_lines(const struct entry *entries, size_t n);
void print_json(const struct entry *entries, size_t n);

#endif

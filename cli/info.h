/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MICROTOME_CLI_INFO_H
#define MICROTOME_CLI_INFO_H

#include "cli.h"

struct entry {
    const char *name; /* the path, without the query of a URL, which may be a secret */
    mt_stack *stack;
    const mt_stack_info *info;
    mt_names *parts, *attachments; /* NULL where they were not asked for */
    mt_checksum checksum;          /* text "" if it was not asked for, or failed */
};

/* How many of what is missing have names in info->missing. */
size_t missing_names(const mt_stack_info *info);
const char *axes_source_name(const mt_stack_info *info);

void print_table(const struct entry *entry);
void print_lines(const struct entry *entries, size_t n);
void print_json(const struct entry *entries, size_t n);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome info: a table for one image, one line per image for several, or JSON. */
#include "info.h"

#include <stdlib.h>

typedef struct listing {
    struct images images;
    struct entry *entries; /* of each image */
    size_t n;
    bool failed;
} listing;

static void make_entries(listing *list)
{
    const struct images *images = &list->images;
    list->entries = need(images->n, sizeof *list->entries);
    for (; list->n < images->n; list->n++)
        list->entries[list->n] = (struct entry) { .name = images->names[list->n],
                                                  .stack = images->stacks[list->n],
                                                  .info = mt_stack_get_info(images->stacks[list->n]) };
}

/* Opening an unfinished image warns. */
static void find_writer(struct entry *e)
{
    mt_error err = MT_ERROR_INIT;
    if (e->info->n_warnings && mt_writer_look(NULL, e->name, NULL, &e->writing, &err))
        e->writing = NULL;
}

static void list_parts(listing *list, struct entry *e)
{
    mt_error err = MT_ERROR_INIT;
    if (mt_stack_list_parts(e->stack, &e->parts, NULL))
        e->parts = NULL;
    if (mt_stack_list_attachments(e->stack, &e->attachments, &err)) {
        e->attachments = NULL;
        list->failed = true;
        report(&err);
    }
}

static int save_map(const struct entry *e, const char *path, const char *axes)
{
    output out;
    mt_error err = MT_ERROR_INIT;
    int status = output_apart(path, e->name);
    if (!status)
        status = output_open(&out, path);
    if (!status)
        status = output_drawn(&out, mt_stack_save_map(e->stack, output_write, &out, &err), &err);
    if (!status && axes)
        fprintf(stderr, "microtome: %s does not keep the axes: open it with --use-map %s --axes %s\n", path, path,
                axes);
    return status;
}

static void find_checksum(listing *list, struct entry *e)
{
    mt_error err = MT_ERROR_INIT;
    if (mt_stack_checksum(e->stack, &until_interrupted, &e->checksum, &err)) {
        e->checksum.text[0] = 0;
        list->failed = true;
        report(&err);
    } else {
        note_absent(e->stack);
    }
}

static int check_options(const struct args *args, struct open_options *options)
{
    int status = open_options_get(options, args);
    if (!status && args_get(args, "map", 0) && args->n_paths != 1)
        status = usage_error(args, "--map takes one image");
    return status ? status : output_check(args, "map", args_get(args, "map", 0), NULL);
}

static void print_entries(const listing *list, bool json)
{
    if (json)
        print_json(list->entries, list->n);
    else if (list->n == 1)
        print_table(&list->entries[0]);
    else
        print_lines(list->entries, list->n);
    for (size_t i = 0; i < list->n && list->n > 1 && !json; i++) {
        const mt_stack_info *info = list->entries[i].info;
        if (info->n_missing || info->n_warnings > (info->axes_source == MT_AXES_UNKNOWN)) /* the table shows these */
            note_opened(info);
    }
}

static void free_listing(listing *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mt_names_free(list->entries[i].parts);
        mt_names_free(list->entries[i].attachments);
        mt_writer_close(list->entries[i].writing);
    }
    free(list->entries);
    images_free(&list->images);
}

int run_info(const struct args *args)
{
    const char *map = args_get(args, "map", 0);
    bool json = args_count(args, "json"), checksums = args_count(args, "checksum");
    listing list = { 0 };
    struct open_options options;
    int status = check_options(args, &options);
    options.options.allow_unknown_axes = 1;
    if (status)
        return status;
    for (size_t i = 0; i < args->n_paths; i++)
        images_add(&list.images, NULL, args->paths[i], &options.options);
    list.failed = list.images.failed || list.images.skipped;
    make_entries(&list);
    if (map && !list.failed)
        status = list.n == 1 ? save_map(&list.entries[0], map, options.options.axes)
                             : failed("there are %zu images, and a map is of one: name it", list.n);
    for (size_t i = 0; i < list.n && (json || list.n == 1) && !options.options.map; i++)
        list_parts(&list, &list.entries[i]);
    for (size_t i = 0; i < list.n && (json || list.n == 1); i++)
        find_writer(&list.entries[i]);
    if (checksums)
        interrupt_catch();
    for (size_t i = 0; i < list.n && checksums && !interrupted(); i++)
        find_checksum(&list, &list.entries[i]);
    if (!interrupted())
        print_entries(&list, json);
    if (list.failed && !status)
        status = EXIT_FAILED;
    free_listing(&list);
    return interrupted() ? EXIT_INTERRUPTED : status;
}

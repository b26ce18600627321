/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome info: a table for one image, a line each for several, or JSON. */
#include "info.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct listing {
    struct entry *entries;
    size_t n, room;
    bool failed;
} listing;

static void add_entry(listing *list, const char *path, mt_stack *stack)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct entry *grown = need(room, sizeof *grown);
        if (list->n)
            memcpy(grown, list->entries, list->n * sizeof *grown);
        free(list->entries);
        list->entries = grown;
        list->room = room;
    }
    const mt_stack_info *info = mt_stack_get_info(stack);
    const char *name = strstr(path, "://") ? info->source : path;
    list->entries[list->n++] = (struct entry) { .path = path, .name = name, .stack = stack, .info = info };
}

static bool is_folder(const char *path)
{
    struct stat found;
    return !stat(path, &found) && S_ISDIR(found.st_mode);
}

/* The images of a folder or glob. False where it holds none. */
static bool add_many(listing *list, const char *path, const mt_open_options *options)
{
    mt_stacks *stacks;
    if (mt_stacks_open(NULL, &path, 1, options, &stacks, NULL))
        return false;
    const char *skipped, *reason;
    for (size_t i = 0; i < mt_stacks_count(stacks); i++) {
        mt_stack *stack = mt_stack_retain(mt_stacks_get(stacks, i));
        add_entry(list, mt_stack_get_info(stack)->source, stack);
    }
    for (size_t i = 0; mt_stacks_skipped(stacks, i, &skipped, &reason); i++) {
        failed("%s: %s", skipped, reason);
        list->failed = true;
    }
    bool found = mt_stacks_count(stacks) > 0;
    mt_stacks_close(stacks);
    return found;
}

static void add_path(listing *list, const char *path, const mt_open_options *options)
{
    mt_stack *stack;
    mt_error err = MT_ERROR_INIT;
    if (!mt_stack_open(NULL, path, options, &stack, &err)) {
        add_entry(list, path, stack);
        return;
    }
    bool glob = strpbrk(path, "*?[") && !strstr(path, "://");
    bool many = is_folder(path) || (err.status == MT_E_NOT_FOUND && glob);
    if (!many || !add_many(list, path, options)) {
        report(&err);
        list->failed = true;
    }
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

static int save_map(const struct entry *e, const char *path)
{
    output out;
    mt_error err = MT_ERROR_INIT;
    int status = output_open(&out, path);
    return status ? status : output_drawn(&out, mt_stack_save_map(e->stack, output_write, &out, &err), &err);
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

int run_info(const struct args *args)
{
    const char *map = args_get(args, "map", 0);
    listing list = { 0 };
    struct open_options options;
    int status = open_options_get(&options, args);
    options.options.allow_unknown_axes = 1;
    if (!status && map && args->n_paths != 1)
        status = usage_error(args, "--map takes one image");
    if (!status)
        status = output_check(args, "map", NULL);
    if (status)
        return status;
    for (size_t i = 0; i < args->n_paths; i++)
        add_path(&list, args->paths[i], &options.options);
    if (map && !list.failed)
        status = list.n == 1 ? save_map(&list.entries[0], map)
                             : failed("there are %zu images, and a map is of one: name it", list.n);
    bool json = args_count(args, "json");
    for (size_t i = 0; i < list.n && (json || list.n == 1) && !options.options.map; i++)
        list_parts(&list, &list.entries[i]);
    bool checksums = args_count(args, "checksum");
    if (checksums)
        interrupt_catch();
    for (size_t i = 0; i < list.n && checksums && !interrupted(); i++)
        find_checksum(&list, &list.entries[i]);
    if (json && !interrupted())
        print_json(list.entries, list.n);
    else if (list.n == 1 && !interrupted())
        print_table(&list.entries[0]);
    else if (!interrupted())
        print_lines(list.entries, list.n);
    for (size_t i = 0; i < list.n; i++) {
        mt_names_free(list.entries[i].parts);
        mt_names_free(list.entries[i].attachments);
        mt_stack_close(list.entries[i].stack);
    }
    free(list.entries);
    if (interrupted())
        return EXIT_INTERRUPTED;
    return list.failed && !status ? EXIT_FAILED : status;
}

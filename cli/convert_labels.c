/* SPDX-License-Identifier: BSD-3-Clause */
/* The label images of the inputs. They are written into the output, at OUT/labels/NAME, after the pixels of the image and
 * before the image is finished: an image that looks complete has its labels. */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

/* --- Which ones. --- */

/* Whether a list of names, separated by commas, has a name. */
static bool has_name(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == ',' || !at[n]))
            return true;
    return false;
}

static bool is_wanted(const char *choice, const char *name)
{
    return !choice || strcmp(choice, "all") == 0 || has_name(choice, name);
}

/* Each name of --label-images is that of a label image. */
static int check_choice(const conversion *c, const char *choice, const mt_names *names)
{
    for (const char *at = choice; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t n = strcspn(at, ","), found = 0;
        for (size_t i = 0; i < mt_names_count(names) && !found; i++) {
            const char *title = mt_names_get_part(names, i)->title;
            found = strlen(title) == n && memcmp(title, at, n) == 0;
        }
        if (!found)
            return failed("%s has no label image '%.*s'", mt_stack_get_info(c->images.stacks[0])->source, (int)n, at);
    }
    return EXIT_OK;
}

static void say_left_out(const conversion *c, const char *why)
{
    fprintf(stderr, "microtome: %s: label images are not converted: %s\n",
            mt_stack_get_info(c->images.stacks[0])->source, why);
}

/* --- Opening. --- */

/* Opens the label image of an input, at the level of the input. *out is NULL if the input has none of this name. */
static int open_one(const conversion *c, size_t image, const char *name, mt_stack **out)
{
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    mt_stack *input = c->images.stacks[image];
    int level = mt_stack_get_info(input)->level;
    const mt_open_options options = { .struct_size = sizeof options, .missing_is_error = 0 };
    *out = NULL;
    if (mt_stack_list_labels(input, &names, &err))
        return report(&err);
    mt_status st = MT_OK;
    for (size_t i = 0; i < mt_names_count(names) && !*out && !st; i++) {
        const mt_part *found = mt_names_get_part(names, i);
        if (strcmp(found->title, name) != 0)
            continue;
        size_t room = strlen(found->name) + 32;
        char *part = need(room, 1);
        snprintf(part, room, level ? "%s&level=%d" : "%s", found->name, level);
        st = mt_stack_open_beside(input, part, &options, out, &err);
        free(part);
    }
    mt_names_free(names);
    return st ? report(&err) : EXIT_OK;
}

/* Joined label images must lie where their images do. */
static int check_joined(const conversion *c, size_t image, const mt_stack *label)
{
    const mt_stack_info *info = mt_stack_get_info(label), *of_image = mt_stack_get_info(c->images.stacks[image]);
    if (!c->join || input_size(info, c->join) == input_size(of_image, c->join))
        return EXIT_OK;
    return failed("%s has another size along %c than its image, so it cannot be joined along %c: --label-images none "
                  "leaves it out",
                  info->source, c->join, c->join);
}

/* Adds a label image that all inputs have. */
static int add_one(conversion *c, const char *name)
{
    label_images *labels = &c->labels;
    mt_stack **stacks = labels->stacks + labels->n * c->images.n;
    int status = EXIT_OK;
    size_t n = 0;
    for (; n < c->images.n && !status; n++) {
        status = open_one(c, n, name, &stacks[n]);
        if (!status && !stacks[n]) {
            fprintf(stderr, "microtome: %s has no label image '%s', and other inputs have one: it is not converted\n",
                    mt_stack_get_info(c->images.stacks[n])->source, name);
            break;
        }
        if (!status)
            status = check_joined(c, n, stacks[n]);
    }
    if (!status && n == c->images.n) {
        size_t room = strlen(name) + 1;
        labels->names[labels->n++] = memcpy(need(room, 1), name, room);
        return EXIT_OK;
    }
    while (n > 0)
        mt_stack_close(stacks[--n]);
    return status;
}

static int add_wanted(conversion *c, const char *choice, const mt_names *names)
{
    size_t n = mt_names_count(names);
    int status = choice && strcmp(choice, "all") != 0 ? check_choice(c, choice, names) : EXIT_OK;
    c->labels.names = need(n, sizeof *c->labels.names);
    c->labels.stacks = need(n * c->images.n, sizeof(mt_stack *));
    for (size_t i = 0; i < n && !status; i++) {
        const char *name = mt_names_get_part(names, i)->title;
        status = is_wanted(choice, name) ? add_one(c, name) : EXIT_OK;
    }
    return status;
}

int labels_open(conversion *c)
{
    mt_names *names;
    mt_error err = MT_ERROR_INIT;
    const char *choice = args_get(c->args, "label-images", 0);
    int status = EXIT_OK;
    if (c->is_label || (choice && strcmp(choice, "none") == 0))
        return EXIT_OK;
    if (mt_stack_list_labels(c->images.stacks[0], &names, &err))
        return report(&err);
    if (mt_names_count(names) == 0 && choice && strcmp(choice, "all") != 0)
        status = check_choice(c, choice, names);
    else if (mt_names_count(names) > 0 && !writing_is_zarr(&c->out))
        say_left_out(c, "only OME-Zarr has them");
    else if (mt_names_count(names) > 0 && c->join == 'C')
        say_left_out(c, "they have no channels to be joined");
    else if (mt_names_count(names) > 0)
        status = add_wanted(c, choice, names);
    mt_names_free(names);
    return status;
}

void labels_free(conversion *c)
{
    label_images *labels = &c->labels;
    for (size_t i = 0; i < labels->n; i++)
        free(labels->names[i]);
    for (size_t i = 0; i < labels->n * c->images.n; i++)
        mt_stack_close(labels->stacks[i]);
    free(labels->names);
    free(labels->stacks);
    *labels = (label_images) { 0 };
}

/* --- Converting. --- */

/* A region cuts the label image where it cuts the image. Axes that the label image lacks are left out. */
static int take_region(conversion *label, const conversion *c)
{
    const mt_stack_info *info = mt_stack_get_info(label->images.stacks[0]),
                        *of_image = mt_stack_get_info(c->images.stacks[0]);
    for (int i = 0; REGION_AXES[i]; i++) {
        char axis = REGION_AXES[i];
        if (!label->region[i].is_given)
            continue;
        if (!strchr(info->original_axes, axis))
            label->region[i].is_given = false;
        else if (input_size(info, axis) != input_size(of_image, axis))
            return failed("%s has another size along %c than its image, so --region does not fit it: --label-images "
                          "none leaves it out",
                          info->source, axis);
    }
    return EXIT_OK;
}

static void take_options(writing *label, const writing *image)
{
    mt_writer_options *o = &label->options;
    *label = (writing) { .args = image->args,
                         .options = image->options,
                         .part = image->part,
                         .n_parts = image->n_parts,
                         .lease = image->lease,
                         .image = image };
    o->format = "zarr";
    o->dtype = 0;
    o->is_labels = 1;
    o->downsample = o->downsample && strcmp(o->downsample, "mean") == 0 ? NULL : o->downsample;
    o->chunk_shape = o->shard_shape = NULL;
}

static int convert_label(const conversion *c, size_t i, const char *path)
{
    conversion label = { .args = c->args, .context = c->context, .join = c->join, .is_label = true };
    take_options(&label.out, &c->out);
    label.out.path = path;
    label.images =
        (struct images) { .stacks = c->labels.stacks + i * c->images.n, .names = c->images.names, .n = c->images.n };
    memcpy(label.region, c->region, sizeof label.region);
    int status = take_region(&label, c);
    if (!status)
        status = convert_image(&label);
    conversion_free_plan(&label);
    return status;
}

static int convert_each(const conversion *c, const char *folder)
{
    int status = EXIT_OK;
    for (size_t i = 0; i < c->labels.n && (!status || status == EXIT_INCOMPLETE); i++) {
        size_t room = strlen(folder) + strlen(c->labels.names[i]) + 2;
        char *path = need(room, 1);
        snprintf(path, room, "%s/%s", folder, c->labels.names[i]);
        status = convert_label(c, i, path);
        free(path);
    }
    return status;
}

static mt_collection_options collection_of(const conversion *c)
{
    return (mt_collection_options) { .struct_size = sizeof(mt_collection_options),
                                     .n_images = c->labels.n,
                                     .ome = c->out.options.ome,
                                     .durability = c->out.options.durability,
                                     .kind = "labels",
                                     .names = (const char *const *)c->labels.names };
}

/* Calls a step with the folder of the label images, if there are any. */
static int with_folder(const conversion *c, int (*step)(const conversion *c, const char *folder))
{
    if (c->labels.n == 0)
        return EXIT_OK;
    size_t room = strlen(c->out.path) + sizeof "/labels";
    char *folder = need(room, 1);
    snprintf(folder, room, "%s/labels", c->out.path);
    int status = step(c, folder);
    free(folder);
    return status;
}

static int begin_in(const conversion *c, const char *folder)
{
    mt_error err = MT_ERROR_INIT;
    const mt_collection_options options = collection_of(c);
    return mt_collection_begin(c->context, folder, &options, &err) ? report(&err) : EXIT_OK;
}

static int convert_in(const conversion *c, const char *folder)
{
    mt_error err = MT_ERROR_INIT;
    const mt_collection_options options = collection_of(c);
    mt_collection_options found = { .struct_size = sizeof found };
    int is_complete;
    if (mt_collection_look(c->context, folder, &found, &is_complete, &err))
        return report(&err);
    int status = convert_each(c, folder);
    if (!status && !is_complete && mt_collection_finish(c->context, folder, &options, &err))
        status = report(&err);
    return status;
}

int labels_begin(const conversion *c) { return with_folder(c, begin_in); }

int labels_convert(const conversion *c) { return with_folder(c, convert_in); }

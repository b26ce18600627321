/* SPDX-License-Identifier: BSD-3-Clause */
#include "info.h"

#include <inttypes.h>
#include <string.h>

enum { MOST_LINES = 12 };

/* Names come from files: control characters would move the cursor. */
static void print_name(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_label(const char *label) { printf("  %-12s", label); }

static void print_row(const char *name, const char *value)
{
    print_label(name);
    print_name(value);
    putchar('\n');
}

static void print_more(size_t n)
{
    print_label("");
    printf("and %zu more\n", n);
}

static void print_shape(const char *name, const int64_t *shape, int ndim)
{
    char text[MT_MAX_DIMS * 24];
    if (shape[0])
        print_row(name, shape_text(shape, ndim, text, sizeof text));
}

static void print_pixel_size(const mt_stack_info *info)
{
    bool any = false;
    for (int d = 0; d < info->original_ndim; d++) {
        if (!(info->pixel_size[d] > 0))
            continue;
        printf(any ? ", " : "  %-12s", "pixel size");
        printf("%c %g", info->original_axes[d], info->pixel_size[d]);
        if (*info->unit[d]) {
            putchar(' ');
            print_name(info->unit[d]);
        }
        any = true;
    }
    if (any)
        putchar('\n');
}

static void print_channels(const mt_stack_info *info)
{
    for (int64_t c = 0; info->channels && c < info->data_shape[1]; c++) {
        const mt_channel *channel = &info->channels[c];
        if (c == MOST_LINES) {
            print_more((size_t)(info->data_shape[1] - c));
            return;
        }
        printf("  %-12s%" PRId64, c ? "" : "channels", c);
        if (*channel->name) {
            putchar(' ');
            print_name(channel->name);
        }
        if (channel->has_color)
            printf(" #%02x%02x%02x", channel->rgb[0], channel->rgb[1], channel->rgb[2]);
        putchar('\n');
    }
}

static void print_part(const char *label, const mt_part *part)
{
    print_label(label);
    print_name(part->name);
    if (*part->title)
        printf("  ");
    print_name(part->title);
    if (part->height > 0)
        printf("  %" PRId64 " x %" PRId64, part->height, part->width);
    putchar('\n');
}

static void print_parts(const mt_names *parts, const mt_stack_info *info)
{
    size_t n = parts ? mt_names_count(parts) : 0;
    if (n == 1 && *mt_names_get_part(parts, 0)->title)
        print_row("title", mt_names_get_part(parts, 0)->title);
    if (n < 2)
        return;
    print_label(strncmp(mt_names_get(parts, 0), "scene=", 6) == 0 ? "scenes" : "parts");
    printf(*info->part ? "%zu\n" : "%zu, this is the first\n", n);
    for (size_t i = 0; i < n && i < MOST_LINES; i++)
        print_part("", mt_names_get_part(parts, i));
    if (n > MOST_LINES)
        print_more(n - MOST_LINES);
}

static void print_attachments(const mt_names *list)
{
    size_t n = list ? mt_names_count(list) : 0;
    char bytes[32];
    for (size_t i = 0; i < n && i < MOST_LINES; i++) {
        const mt_part *part = mt_names_get_part(list, i);
        print_label(i ? "" : "attachments");
        print_name(part->title);
        printf("  ");
        print_name(part->type);
        printf("  %s\n", bytes_text((double)part->size, bytes, sizeof bytes));
    }
    if (n > MOST_LINES)
        print_more(n - MOST_LINES);
}

size_t missing_names(const mt_stack_info *info)
{
    return info->n_missing < MT_MAX_MISSING_NAMES ? (size_t)info->n_missing : MT_MAX_MISSING_NAMES;
}

const char *axes_source_name(const mt_stack_info *info)
{
    static const char *const names[] = { "file", "caller", "assumed", "unknown" };
    return names[info->axes_source];
}

static void print_missing(const mt_stack_info *info)
{
    char text[128];
    if (info->n_missing == 0)
        return;
    snprintf(text, sizeof text, "%" PRIu64 " files or frames, which read as the fill value", info->n_missing);
    print_row("missing", text);
    size_t n = missing_names(info);
    for (size_t i = 0; i < n && i < MOST_LINES; i++)
        print_row("", info->missing[i]);
    if (info->n_missing > MOST_LINES)
        print_more((size_t)(info->n_missing - MOST_LINES));
}

void print_table(const struct entry *entry)
{
    const mt_stack_info *info = entry->info;
    char text[128];
    print_name(entry->name);
    putchar('\n');
    print_row("format", info->format);
    if (*info->part)
        print_row("part", info->part);
    snprintf(text, sizeof text, "%s%s", info->original_axes,
             info->axes_source == MT_AXES_ASSUMED   ? " (assumed: the file does not name them)"
             : info->axes_source == MT_AXES_UNKNOWN ? " (unknown: the file does not name them)"
                                                    : "");
    print_row("axes", text);
    print_shape("shape", info->original_shape, info->original_ndim);
    if (info->data_ndim)
        print_row(info->data_ndim == 5 ? "SCZYX" : "SCYX",
                  shape_text(info->data_shape, info->data_ndim, text, sizeof text));
    print_row("type", mt_dtype_name(info->dtype));
    print_shape("chunks", info->chunk_shape, info->original_ndim);
    print_shape("shards", info->shard_shape, info->original_ndim);
    print_row("codecs", *info->codecs ? info->codecs : "none");
    if (*entry->checksum.text)
        print_row("checksum", entry->checksum.text);
    print_pixel_size(info);
    if (info->n_levels > 1) {
        snprintf(text, sizeof text, "%d, this is %d", info->n_levels, info->level);
        print_row("levels", text);
    }
    print_channels(info);
    print_parts(entry->parts, info);
    print_attachments(entry->attachments);
    print_missing(info);
    for (size_t i = 0; i < info->n_warnings; i++)
        print_row("warning", info->warnings[i]);
}

static int widest_path(const struct entry *entries, size_t n)
{
    size_t widest = 4;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(entries[i].name);
        widest = length > widest && length <= 60 ? length : widest;
    }
    return (int)widest;
}

static const char *axes_text(const mt_stack_info *info, char *text, size_t room)
{
    snprintf(text, room, "%s%s", info->original_axes, info->axes_source == MT_AXES_ASSUMED ? "*" : "");
    return text;
}

/* What stars and question marks in the column of the axes mean; not among the lines, of which there is one for each image. */
static void print_notes(const struct entry *entries, size_t n)
{
    bool assumed = false, unknown = false;
    for (size_t i = 0; i < n; i++) {
        assumed |= entries[i].info->axes_source == MT_AXES_ASSUMED;
        unknown |= entries[i].info->axes_source == MT_AXES_UNKNOWN;
    }
    if (assumed)
        fprintf(stderr, "microtome: axes with * are assumed: the file does not name them\n");
    if (unknown)
        fprintf(stderr, "microtome: axes of ? are unknown: the file does not name them; name them with --axes\n");
}

void print_lines(const struct entry *entries, size_t n)
{
    int width = widest_path(entries, n);
    char axes[MT_MAX_DIMS + 2];
    char shape[MT_MAX_DIMS * 24], chunk[MT_MAX_DIMS * 24];
    if (n)
        printf("%-*s  %-6s  %-6s  %-24s  %-8s  %-18s  %s\n", width, "path", "format", "axes", "shape", "type", "chunks",
               "codecs");
    for (size_t i = 0; i < n; i++) {
        const mt_stack_info *info = entries[i].info;
        print_name(entries[i].name);
        printf("%*s  %-6s  %-6s  %-24s  %-8s  %-18s  ",
               width - (int)strlen(entries[i].name) > 0 ? width - (int)strlen(entries[i].name) : 0, "", info->format,
               axes_text(info, axes, sizeof axes),
               shape_text(info->original_shape, info->original_ndim, shape, sizeof shape), mt_dtype_name(info->dtype),
               info->chunk_shape[0] ? shape_text(info->chunk_shape, info->original_ndim, chunk, sizeof chunk) : "-");
        print_name(*info->codecs ? info->codecs : "none");
        if (*entries[i].checksum.text)
            printf("  %s", entries[i].checksum.text);
        putchar('\n');
    }
    print_notes(entries, n);
}

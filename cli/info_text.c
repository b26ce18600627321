/* SPDX-License-Identifier: BSD-3-Clause */
#include "info.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_LINES = 12 };

/* Names come from files and may contain control characters, which could move the cursor. */
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

/* Prints the number of channels, and those with a name or colour. */
static void print_channels(const mt_stack_info *info)
{
    int64_t n = info->data_shape[1];
    if (info->data_ndim == 0) /* the axes are unknown */
        return;
    if (n == 1 && !(info->channels && (*info->channels->name || info->channels->has_color)))
        return;
    print_label("channels");
    printf("%" PRId64 "%s\n", n, info->channels ? "" : ", without names");
    for (int64_t c = 0; info->channels && c < n; c++) {
        const mt_channel *channel = &info->channels[c];
        if (c == MOST_LINES) {
            print_more((size_t)(n - c));
            return;
        }
        print_label("");
        printf("%" PRId64 ": ", c);
        print_name(*channel->name ? channel->name : "no name");
        if (channel->has_color)
            printf("  #%02x%02x%02x", channel->rgb[0], channel->rgb[1], channel->rgb[2]);
        putchar('\n');
    }
}

static void print_sample(const mt_sample_info *sample)
{
    if (*sample->name)
        putchar(' ');
    print_name(sample->name);
    for (int i = 2; sample->has_position && i >= 0; i--)
        if (isfinite(sample->position[i]))
            printf("  %c %g", "ZYX"[i], sample -> position[i]);
    if (sample->has_position)
        printf(" micrometer");
    if (sample->has_time)
        printf("  %g s", sample->time);
}

/* Prints the positions and times of samples, if the file gives them. */
static void print_samples(const mt_stack_info *info)
{
    int64_t n = info->samples ? info->data_shape[0] : 0;
    if (n == 0)
        return;
    print_label("samples");
    printf("%" PRId64 "\n", n);
    for (int64_t s = 0; s < n && s < MOST_LINES; s++) {
        print_label("");
        printf("%" PRId64 ":", s);
        print_sample(&info->samples[s]);
        putchar('\n');
    }
    if (n > MOST_LINES)
        print_more((size_t)(n - MOST_LINES));
}

/* Width of a text in terminal columns; each UTF-8 character counts as one. */
static size_t text_width(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static const char *part_name(const mt_names *parts, size_t i)
{
    const char *name = mt_names_get(parts, i);
    return *name ? name : "(the whole file)";
}

static void print_part(const mt_names *parts, size_t i, size_t width)
{
    const char *name = part_name(parts, i);
    const mt_part *part = mt_names_get_part(parts, i);
    print_label("");
    print_name(name);
    if (*part->title || part->height > 0)
        printf("%*s", (int)(width - text_width(name)), "");
    if (*part->title)
        printf("  ");
    print_name(part->title);
    if (part->height > 0)
        printf("  %" PRId64 " x %" PRId64, part->height, part->width);
    putchar('\n');
}

static void print_parts(const mt_names *parts, const mt_stack_info *info)
{
    size_t n = parts ? mt_names_count(parts) : 0, shown = n < MOST_LINES ? n : MOST_LINES, width = 0;
    if (n == 1 && *mt_names_get_part(parts, 0)->title)
        print_row("title", mt_names_get_part(parts, 0)->title);
    if (n < 2)
        return;
    print_label(strncmp(mt_names_get(parts, 0), "scene=", 6) == 0 ? "scenes" : "parts");
    printf(*info->part ? "%zu\n" : "%zu, this is the first\n", n);
    for (size_t i = 0; i < shown; i++)
        width = text_width(part_name(parts, i)) > width ? text_width(part_name(parts, i)) : width;
    for (size_t i = 0; i < shown; i++)
        print_part(parts, i, width);
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
    snprintf(text, sizeof text, "%" PRIu64 " %s as the fill value", info->n_missing,
             info->n_missing == 1 ? "file or frame, which reads" : "files or frames, which read");
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
    if (info->value_scale != 0) {
        snprintf(text, sizeof text, "pixel * %.9g %c %.9g", info->value_scale, info->value_offset < 0 ? '-' : '+',
                 fabs(info->value_offset));
        print_row("value", text);
    }
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
    print_samples(info);
    print_parts(entry->parts, info);
    print_attachments(entry->attachments);
    print_missing(info);
    if (entry->writing) {
        mt_writer_progress now = writer_progress(entry->writing);
        snprintf(text, sizeof text, "incomplete, %" PRIu64 " of %" PRIu64 " %s", now.n_done, now.n_units,
                 unit_name(mt_writer_get_info(entry->writing)));
        print_row("writing", text);
    }
    for (size_t i = 0; i < info->n_warnings; i++)
        print_row("warning", info->warnings[i]);
}

static const char *axes_text(const mt_stack_info *info, char *text, size_t room)
{
    snprintf(text, room, "%s%s", info->original_axes, info->axes_source == MT_AXES_ASSUMED ? "*" : "");
    return text;
}

enum { COLUMNS = 8 };

/* Fills a row of print_lines. room is storage for generated texts. */
static void fill_row(const struct entry *e, const char *row[COLUMNS], char room[3][MT_MAX_DIMS * 24])
{
    const mt_stack_info *info = e->info;
    row[0] = e->name;
    row[1] = info->format;
    row[2] = axes_text(info, room[2], sizeof room[2]);
    row[3] = shape_text(info->original_shape, info->original_ndim, room[0], sizeof room[0]);
    row[4] = mt_dtype_name(info->dtype);
    row[5] = info->chunk_shape[0] ? shape_text(info->chunk_shape, info->original_ndim, room[1], sizeof room[1]) : "-";
    row[6] = *info->codecs ? info->codecs : "none";
    row[7] = e->checksum.text;
}

static void print_columns(const char *const row[COLUMNS], const size_t widths[COLUMNS])
{
    int last = COLUMNS - 1;
    while (last > 0 && !*row[last])
        last--;
    for (int c = 0; c <= last; c++) {
        print_name(row[c]);
        if (c < last)
            printf("%*s", (int)(widths[c] - text_width(row[c])) + 2, "");
    }
    putchar('\n');
}

/* Explains '*' and '?' in the axes column. On stderr, because stdout has exactly one line per image. */
static void print_notes(const struct entry *entries, size_t n)
{
    bool assumed = false, unknown = false;
    for (size_t i = 0; i < n; i++) {
        assumed |= entries[i].info->axes_source == MT_AXES_ASSUMED;
        unknown |= entries[i].info->axes_source == MT_AXES_UNKNOWN;
    }
    if (assumed)
        fprintf(stderr, "microtome: axes marked * are assumed: the file does not name them\n");
    if (unknown)
        fprintf(stderr, "microtome: axes marked ? are unknown: the file does not name them; name them with --axes\n");
}

void print_lines(const struct entry *entries, size_t n)
{
    const char *row[COLUMNS] = { "path", "format", "axes", "shape", "type", "chunks", "codecs", "" };
    size_t widths[COLUMNS];
    char room[3][MT_MAX_DIMS * 24];
    for (int c = 0; c < COLUMNS; c++)
        widths[c] = strlen(row[c]);
    for (size_t i = 0; i < n; i++) {
        const char *cells[COLUMNS];
        fill_row(&entries[i], cells, room);
        for (int c = 0; c < COLUMNS; c++)
            widths[c] = text_width(cells[c]) > widths[c] ? text_width(cells[c]) : widths[c];
    }
    if (n)
        print_columns(row, widths);
    for (size_t i = 0; i < n; i++) {
        fill_row(&entries[i], row, room);
        print_columns(row, widths);
    }
    print_notes(entries, n);
}

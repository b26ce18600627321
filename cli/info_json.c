/* SPDX-License-Identifier: BSD-3-Clause */
#include "info.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length in bytes of the UTF-8 sequence at text (RFC 3629), 0 if invalid. */
static size_t utf8_length(const unsigned char *text)
{
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xc2 ? 0
               : text[0] < 0xe0 ? 2
               : text[0] < 0xf0 ? 3
               : text[0] < 0xf5 ? 4
                                : 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if (n >= 3 && ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
                   (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)))
        return 0;
    return n;
}

/* File names may be invalid UTF-8; invalid bytes become the replacement character. */
void print_json_string(const char *string)
{
    const unsigned char *text = (const unsigned char *)string;
    putchar('"');
    while (*text) {
        size_t n = utf8_length(text);
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if (*text < 0x20)
            printf("\\u%04x", *text);
        else if (n)
            fwrite(text, 1, n, stdout);
        else
            fputs("\\ufffd", stdout);
        text += n ? n : 1;
    }
    putchar('"');
}

static void print_text(const char *name, const char *value)
{
    printf(",\n  \"%s\": ", name);
    print_json_string(value);
}

static void print_shape(const char *name, const int64_t *shape, int ndim, bool known)
{
    printf(",\n  \"%s\": %s", name, known ? "[" : "null");
    for (int d = 0; known && d < ndim; d++)
        printf("%s%" PRId64, d ? ", " : "", shape[d]);
    if (known)
        putchar(']');
}

static bool is_known(const int64_t *shape, int ndim)
{
    for (int d = 0; d < ndim; d++)
        if (shape[d])
            return true;
    return false;
}

static void print_pixel_size(const mt_stack_info *info)
{
    printf(",\n  \"pixel_size\": {");
    const char *separator = "";
    for (int d = 0; d < info->original_ndim; d++) {
        if (!(info->pixel_size[d] > 0) || !isfinite(info->pixel_size[d]))
            continue;
        printf("%s\"%c\": {\"size\": %.17g, \"unit\": ", separator, info->original_axes[d], info->pixel_size[d]);
        print_json_string(info->unit[d]);
        putchar('}');
        separator = ", ";
    }
    putchar('}');
}

static void print_channels(const mt_stack_info *info)
{
    printf(",\n  \"channels\": [");
    for (int64_t c = 0; info->channels && c < info->data_shape[1]; c++) {
        printf("%s{\"name\": ", c ? ", " : "");
        print_json_string(info->channels[c].name);
        printf(", \"color\": ");
        const uint8_t *rgb = info->channels[c].rgb;
        if (info->channels[c].has_color)
            printf("\"#%02x%02x%02x\"}", rgb[0], rgb[1], rgb[2]);
        else
            printf("null}");
    }
    putchar(']');
}

static void print_real(double value)
{
    if (isfinite(value))
        printf("%.17g", value);
    else
        printf("null");
}

static void print_samples(const mt_stack_info *info)
{
    printf(",\n  \"samples\": [");
    for (int64_t s = 0; info->samples && s < info->data_shape[0]; s++) {
        const mt_sample_info *sample = &info->samples[s];
        printf("%s{\"name\": ", s ? ", " : "");
        print_json_string(sample->name);
        printf(", \"position\": %s", sample->has_position ? "[" : "null");
        for (int i = 0; sample->has_position && i < 3; i++) {
            print_real(sample->position[i]);
            printf(i < 2 ? ", " : "]");
        }
        printf(", \"time\": ");
        print_real(sample->has_time ? sample->time : NAN);
        putchar('}');
    }
    putchar(']');
}

static void print_names(const char *key, const mt_names *names, bool titles)
{
    printf(",\n  \"%s\": [", key);
    for (size_t i = 0; names && i < mt_names_count(names); i++) {
        printf("%s", i ? ", " : "");
        print_json_string(titles ? mt_names_get_part(names, i)->title : mt_names_get(names, i));
    }
    putchar(']');
}

static void print_list(const char *key, const char *const *texts, size_t n)
{
    printf(",\n  \"%s\": [", key);
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? ", " : "");
        print_json_string(texts[i]);
    }
    putchar(']');
}

static void print_attachments(const mt_names *list)
{
    printf(",\n  \"attachments\": [");
    for (size_t i = 0; list && i < mt_names_count(list); i++) {
        const mt_part *part = mt_names_get_part(list, i);
        printf("%s{\"part\": ", i ? ", " : "");
        print_json_string(part->name);
        printf(", \"name\": ");
        print_json_string(part->title);
        printf(", \"type\": ");
        print_json_string(part->type);
        printf(", \"size\": %" PRIu64 "}", part->size);
    }
    putchar(']');
}

static void print_writing(mt_writer *writer)
{
    if (!writer)
        return;
    mt_writer_progress now = writer_progress(writer);
    printf(",\n  \"writing\": {\"unit\": \"%.5s\", \"units\": %" PRIu64 ", \"done\": %" PRIu64 "}",
           unit_name(mt_writer_get_info(writer)), now.n_units, now.n_done);
}

static void print_entry(const struct entry *entry)
{
    const mt_stack_info *info = entry->info;
    int ndim = info->original_ndim;
    printf("{\n  \"path\": ");
    print_json_string(entry->name);
    print_text("source", info->source);
    print_text("format", info->format);
    print_text("part", info->part);
    print_text("axes", info->original_axes);
    print_text("axes_source", axes_source_name(info));
    print_shape("shape", info->original_shape, ndim, true);
    print_shape("data_shape", info->data_shape, info->data_ndim, info->data_ndim > 0);
    print_text("dtype", mt_dtype_name(info->dtype));
    if (info->value_scale != 0)
        printf(",\n  \"value_scale\": %.17g,\n  \"value_offset\": %.17g", info->value_scale, info->value_offset);
    print_shape("chunk_shape", info->chunk_shape, ndim, is_known(info->chunk_shape, ndim));
    print_shape("shard_shape", info->shard_shape, ndim, is_known(info->shard_shape, ndim));
    print_text("codecs", info->codecs);
    if (*entry->checksum.text)
        print_text("checksum", entry->checksum.text);
    print_pixel_size(info);
    printf(",\n  \"level\": %d,\n  \"levels\": %d", info->level, info->n_levels);
    print_channels(info);
    print_samples(info);
    print_names("parts", entry->parts, false);
    print_names("titles", entry->parts, true);
    print_attachments(entry->attachments);
    print_writing(entry->writing);
    print_list("warnings", info->warnings, info->n_warnings);
    printf(",\n  \"n_missing\": %" PRIu64, info->n_missing);
    print_list("missing", info->missing, missing_names(info));
    printf("\n}");
}

void print_json(const struct entry *entries, size_t n)
{
    putchar('[');
    for (size_t i = 0; i < n; i++) {
        printf("%s", i ? ",\n" : "");
        print_entry(&entries[i]);
    }
    printf("]\n");
}

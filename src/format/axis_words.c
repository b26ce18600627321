/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of axes as found in files. */
#include "format/format.h"

#include <string.h>

static const struct {
    const char *name; /* in lower case */
    char letter;
} words[] = {
    { "x", 'X' },       { "width", 'X' },    { "column", 'X' },    { "columns", 'X' },    { "col", 'X' },
    { "y", 'Y' },       { "height", 'Y' },   { "row", 'Y' },       { "rows", 'Y' },       { "z", 'Z' },
    { "depth", 'Z' },   { "plane", 'Z' },    { "planes", 'Z' },    { "slice", 'Z' },      { "slices", 'Z' },
    { "section", 'Z' }, { "sections", 'Z' }, { "t", 'T' },         { "time", 'T' },       { "times", 'T' },
    { "frame", 'T' },   { "frames", 'T' },   { "timepoint", 'T' }, { "timepoints", 'T' }, { "c", 'C' },
    { "channel", 'C' }, { "channels", 'C' }, { "band", 'C' },      { "bands", 'C' },      { "s", 'S' },
    { "sample", 'S' },  { "samples", 'S' },  { "position", 'S' },  { "positions", 'S' },  { "scene", 'S' },
    { "scenes", 'S' },  { "batch", 'S' },
};

static bool is_word(const char *name, const char *word)
{
    for (; *name && *word; name++, word++)
        if (*name != *word && (*word < 'a' || *word > 'z' || *name != *word - 'a' + 'A'))
            return false;
    name += *name == '^'; /* funlib.persistence marks dimensions that are not spatial */
    return *name == *word;
}

char mt_axis_letter(const char *name)
{
    for (size_t i = 0; name && i < sizeof words / sizeof *words; i++)
        if (is_word(name, words[i].name))
            return words[i].letter;
    return '?';
}

void mt_axes_drop_ambiguous(char *axes)
{
    for (const char *letter = "TZYX"; *letter; letter++) {
        const char *first = strchr(axes, *letter);
        if (first && strchr(first + 1, *letter)) {
            memset(axes, '?', strlen(axes));
            return;
        }
    }
}

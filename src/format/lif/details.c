/* SPDX-License-Identifier: BSD-3-Clause */
/* Pixel sizes, and names and colours of channels. */
#include "base/checked.h"
#include "format/lif/lif.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_CHANNELS 4096
#define MICROMETERS 1e6
#define NANOMETERS 1e9

/* Lengths reach from the centre of the first element to that of the last. */
static void set_pixel_size(const lif_axis *axis, mt_chunk_map *map, int d)
{
    const lif_dimension *named = axis->named;
    if (!named || named->n < 2 || !named->unit || !strchr("TZYX", axis->letter))
        return;
    double size = fabs(named->length) / (double)(named->n - 1);
    bool meters = strcmp(named->unit, "meter") == 0;
    if (!(size > 0) || isinf(size * MICROMETERS))
        return;
    map->pixel_size[d] = meters ? size * MICROMETERS : size;
    map->unit[d] = meters ? "micrometer" : named->unit;
}

/* The colour of a lookup table, known by its name. */
static void set_color(const char *lut, mt_channel *out)
{
    static const struct {
        const char *name;
        uint8_t rgb[3];
    } table[] = { { "Red", { 255, 0, 0 } },     { "Green", { 0, 255, 0 } },     { "Blue", { 0, 0, 255 } },
                  { "Cyan", { 0, 255, 255 } },  { "Magenta", { 255, 0, 255 } }, { "Yellow", { 255, 255, 0 } },
                  { "Gray", { 255, 255, 255 } } };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(lut, table[i].name) == 0) {
            out->has_color = 1;
            memcpy(out->rgb, table[i].rgb, sizeof out->rgb);
        }
}

/* Samples of a colour picture have the colour of their tag. */
static const char *find_lut(const lif_channel *channel)
{
    static const char *const colors[] = { "", "Red", "Green", "Blue" };
    return channel->tag >= LIF_RED && channel->tag <= LIF_BLUE ? colors[channel->tag] : channel->lut;
}

/* Writes the wavelength of element i: " 550 nm". */
static void print_wavelength(const lif_dimension *d, int64_t i, char *out, size_t room)
{
    double nanometers = (d->origin + d->length * (double)i / (double)(d->n - 1)) * NANOMETERS;
    long long tenths = nanometers >= 0 && nanometers < 1e9 ? llround(nanometers * 10) : 0;
    if (tenths % 10)
        snprintf(out, room, " %lld.%lld nm", tenths / 10, tenths % 10);
    else if (tenths)
        snprintf(out, room, " %lld nm", tenths / 10);
}

/* Finds the channel of the document and the wavelengths at an index along all of C. text has room for two of these. */
static size_t find_channel(const lif_layout *layout, int64_t index, char *text, size_t room)
{
    size_t channel = 0, unit = 1;
    *text = 0;
    for (int d = layout->n_axes - 1; d >= 0; d--) {
        const lif_axis *a = &layout->axes[d];
        if (a->letter != 'C')
            continue;
        int64_t i = index % a->n;
        index /= a->n;
        if (a->named && a->named->unit && strcmp(a->named->unit, "meter") == 0) {
            size_t n = strlen(text);
            print_wavelength(a->named, i, text + n, room - n);
        } else if (!a->named) {
            channel += (size_t)i * unit;
            unit *= (size_t)a->n;
        }
    }
    return channel;
}

/* One channel of the document, or one without a name, is told apart by wavelengths. */
static mt_status set_channel(const lif_image *image, const lif_layout *layout, int64_t index, mt_channel *out,
                             mt_arena *arena, mt_error *err)
{
    char text[64];
    size_t c = find_channel(layout, index, text, sizeof text);
    const lif_channel *channel = &image->channels[layout->is_bgr ? image->n_channels - 1 - c : c];
    const char *name = *channel->name ? channel->name : find_lut(channel);
    if (*text && (image->n_channels == 1 || !*name))
        out->name = mt_arena_printf(arena, err, "%s", text + 1);
    else
        out->name = mt_arena_printf(arena, err, "%s%s", name, text);
    if (!*text)
        set_color(find_lut(channel), out);
    return out->name ? MT_OK : MT_E_MEMORY;
}

static mt_status set_channels(const lif_image *image, const lif_layout *layout, mt_chunk_map *map, mt_error *err)
{
    int64_t n = 1;
    for (int d = 0; d < layout->n_axes; d++)
        if (layout->axes[d].letter == 'C' && (layout->axes[d].n < 1 || mt_mul_i64(n, layout->axes[d].n, &n)))
            return MT_OK;
    if (n > MOST_CHANNELS)
        return MT_OK;
    mt_channel *channels = mt_arena_alloc(map->arena, (size_t)n, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    mt_status st = MT_OK;
    for (int64_t i = 0; !st && i < n; i++)
        st = set_channel(image, layout, i, &channels[i], map->arena, err);
    map->channels = channels;
    map->n_channels = (size_t)n;
    return st;
}

mt_status lif_set_details(const lif_image *image, const lif_layout *layout, mt_chunk_map *map, mt_error *err)
{
    for (int d = 0; d < layout->n_axes; d++)
        set_pixel_size(&layout->axes[d], map, d);
    return set_channels(image, layout, map, err);
}

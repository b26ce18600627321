/* SPDX-License-Identifier: BSD-3-Clause */
/* Source: http://www.openmicroscopy.org/Schemas/OME/2016-06. */
#include "write/ome_xml.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>

/* --- Names of OME. --- */

const char *mt_ome_type(mt_dtype dtype)
{
    switch (dtype) {
    case MT_UINT8:
    case MT_INT8:
    case MT_UINT16:
    case MT_INT16:
    case MT_UINT32:
    case MT_INT32: return mt_dtype_name(dtype);
    case MT_FLOAT32: return "float";
    case MT_FLOAT64: return "double";
    default: return NULL;
    }
}

/* Units of OME (UnitsLength and UnitsTime) that UDUNITS-2 has, too. */
static const struct ome_unit {
    const char *name, *symbol;
    double meters; /* 0: a unit of time */
} units[] = {
    { "kilometer", "km", 1e3 },
    { "meter", "m", 1 },
    { "decimeter", "dm", 1e-1 },
    { "centimeter", "cm", 1e-2 },
    { "millimeter", "mm", 1e-3 },
    { "micrometer", "\xc2\xb5m", 1e-6 },
    { "nanometer", "nm", 1e-9 },
    { "picometer", "pm", 1e-12 },
    { "femtometer", "fm", 1e-15 },
    { "angstrom", "\xc3\x85", 1e-10 },
    { "inch", "in", 0.0254 },
    { "foot", "ft", 0.3048 },
    { "yard", "yd", 0.9144 },
    { "second", "s", 0 },
    { "millisecond", "ms", 0 },
    { "microsecond", "\xc2\xb5s", 0 },
    { "nanosecond", "ns", 0 },
    { "picosecond", "ps", 0 },
    { "minute", "min", 0 },
    { "hour", "h", 0 },
    { "day", "d", 0 },
};

static const struct ome_unit *find_unit(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

/* The unit of a size along an axis; NULL: OME has none of this name for it. */
static const struct ome_unit *unit_of(const mt_plan *plan, int axis)
{
    const struct ome_unit *unit = find_unit(plan->unit[axis]);
    return unit && (unit->meters > 0) == (plan->axes[axis] != 'T') ? unit : NULL;
}

/* A size without a known unit is one of OME's "reference frame"; a time without one is left out, as is a unit without a
 * size. */
unsigned mt_ome_get_lacks(const mt_plan *plan)
{
    unsigned lacks = MT_META_WINDOWS | MT_META_LABELS;
    for (int d = 0; d < plan->ndim; d++) {
        bool has_unit = unit_of(plan, d);
        if (plan->axes[d] == 'C')
            continue;
        if (*plan->unit[d] && (!has_unit || plan->pixel_size[d] <= 0))
            lacks |= MT_META_UNITS;
        if (plan->axes[d] == 'T' && !has_unit)
            lacks |= MT_META_INTERVAL;
    }
    return lacks;
}

static int find_axis(const mt_plan *plan, char letter)
{
    const char *at = strchr(plan->axes, letter);
    return at ? (int)(at - plan->axes) : -1;
}

double mt_ome_pixel_meters(const mt_plan *plan, int axis)
{
    const struct ome_unit *unit = find_unit(plan->unit[axis]);
    return unit ? plan->pixel_size[axis] * unit->meters : 0;
}

/* --- Text. --- */

static void put(mt_buffer *out, const char *text) { mt_put_bytes(out, text, strlen(text)); }

/* Text of an attribute. Control characters, which XML cannot hold, become blanks. */
static void put_escaped(mt_buffer *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': put(out, "&amp;"); break;
        case '<': put(out, "&lt;"); break;
        case '>': put(out, "&gt;"); break;
        case '"': put(out, "&quot;"); break;
        default: mt_put_u8(out, (unsigned char)*text < ' ' ? ' ' : (uint8_t)*text);
        }
    }
}

static void put_text(mt_buffer *out, const char *name, const char *value)
{
    put(out, " ");
    put(out, name);
    put(out, "=\"");
    put_escaped(out, value);
    put(out, "\"");
}

static void put_integer(mt_buffer *out, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put_text(out, name, text);
}

/* The shortest text that reads as the value, with "." in every locale. */
static void put_real(mt_buffer *out, const char *name, double value)
{
    char text[40], plain[40] = "";
    double read = 0;
    for (int digits = 1; digits <= 17 && read != value; digits++) {
        size_t n = 0;
        snprintf(text, sizeof text, "%.*g", digits, value);
        for (const char *c = text; *c; c++)
            if (strchr("0123456789+-e", *c))
                plain[n++] = *c;
            else if (n == 0 || plain[n - 1] != '.')
                plain[n++] = '.';
        plain[n] = 0;
        const char *at = plain;
        (void)!mt_parse_real(&at, &read);
    }
    put_text(out, name, plain);
}

/* --- Elements. --- */

static void put_scale(const mt_plan *plan, char letter, const char *name, const char *unit_name, mt_buffer *out)
{
    int axis = find_axis(plan, letter);
    if (axis < 0 || plan->pixel_size[axis] <= 0)
        return;
    const struct ome_unit *unit = unit_of(plan, axis);
    if (letter == 'T' && !unit)
        return;
    put_real(out, name, plan->pixel_size[axis]);
    put_text(out, unit_name, unit ? unit->symbol : "reference frame");
}

static int64_t size_along(const mt_plan *plan, char letter)
{
    int axis = find_axis(plan, letter);
    return axis < 0 ? 1 : plan->shape[axis];
}

/* Color is RGBA as a signed number of 32 bits. */
static void put_channel(const mt_plan *plan, uint64_t number, size_t c, mt_buffer *out)
{
    const mt_channel *channel = plan->channels ? &plan->channels[c] : NULL;
    char id[64];
    snprintf(id, sizeof id, "Channel:%llu:%zu", (unsigned long long)number, c);
    put(out, "<Channel");
    put_text(out, "ID", id);
    if (channel && *channel->name)
        put_text(out, "Name", channel->name);
    if (channel && channel->has_color)
        put_integer(out, "Color",
                    (int32_t)((uint32_t)channel->rgb[0] << 24 | (uint32_t)channel->rgb[1] << 16 |
                              (uint32_t)channel->rgb[2] << 8 | 255));
    put(out, " SamplesPerPixel=\"1\"/>");
}

/* The start of an element with an ID such as "Image:0". */
static void put_start(mt_buffer *out, const char *element, uint64_t number)
{
    char text[64];
    snprintf(text, sizeof text, "<%s ID=\"%s:%llu\"", element, element, (unsigned long long)number);
    put(out, text);
}

static void put_pixels(const mt_plan *plan, uint64_t number, mt_buffer *out)
{
    static const char letters[] = "XYZCT";
    put_start(out, "Pixels", number);
    put(out, " DimensionOrder=\"XYZCT\"");
    put_text(out, "Type", mt_ome_type(plan->dtype));
    for (const char *letter = letters; *letter; letter++) {
        char name[] = "SizeX";
        name[4] = *letter;
        put_integer(out, name, size_along(plan, *letter));
    }
    put(out, " BigEndian=\"false\"");
    put_scale(plan, 'X', "PhysicalSizeX", "PhysicalSizeXUnit", out);
    put_scale(plan, 'Y', "PhysicalSizeY", "PhysicalSizeYUnit", out);
    put_scale(plan, 'Z', "PhysicalSizeZ", "PhysicalSizeZUnit", out);
    put_scale(plan, 'T', "TimeIncrement", "TimeIncrementUnit", out);
    put(out, ">");
}

void mt_ome_begin(const char *uuid, mt_buffer *out)
{
    put(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
             "<OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" "
             "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
             "xsi:schemaLocation=\"http://www.openmicroscopy.org/Schemas/OME/2016-06 "
             "http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd\"");
    if (uuid) {
        put(out, " UUID=\"urn:uuid:");
        put(out, uuid);
        put(out, "\"");
    }
    put(out, " Creator=\"microtome " MT_VERSION "\">");
}

void mt_ome_put_image(const mt_plan *plan, uint64_t number, bool has_pages, mt_buffer *out)
{
    put_start(out, "Image", number);
    put(out, ">");
    if (plan->note[0]) {
        put(out, "<Description>");
        put_escaped(out, plan->note);
        put(out, "</Description>");
    }
    put_pixels(plan, number, out);
    for (size_t c = 0; c < plan->n_channels; c++)
        put_channel(plan, number, c, out);
    if (has_pages) {
        put(out, "<TiffData IFD=\"0\"");
        put_integer(out, "PlaneCount", size_along(plan, 'Z') * size_along(plan, 'C') * size_along(plan, 'T'));
        put(out, "/>");
    } else {
        put(out, "<MetadataOnly/>");
    }
    put(out, "</Pixels></Image>");
}

void mt_ome_end(mt_buffer *out) { put(out, "</OME>"); }

/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata that an image has and the format of its output cannot keep. */
#include "write/plan.h"

#include <stdio.h>
#include <string.h>

static const struct kind {
    unsigned bit;
    const char *name;
} kinds[] = {
    { MT_META_PIXEL_SIZES, "pixel sizes" },         { MT_META_INTERVAL, "the time between frames" },
    { MT_META_UNITS, "units of measurement" },      { MT_META_NAMES, "names of channels" },
    { MT_META_COLORS, "colours of channels" },      { MT_META_WINDOWS, "display windows" },
    { MT_META_LABELS, "the mark of label images" }, { MT_META_NOTE, "the note" },
};

static unsigned find_channels(const mt_plan *plan)
{
    unsigned has = 0;
    for (size_t c = 0; plan->channels && c < plan->n_channels; c++) {
        const mt_channel *channel = &plan->channels[c];
        has |= (*channel->name ? MT_META_NAMES : 0) | (channel->has_color ? MT_META_COLORS : 0) |
               (channel->has_window ? MT_META_WINDOWS : 0);
    }
    return has;
}

/* Sizes along C have no meaning. For one that is not known, OME-Zarr says 1, without a unit. */
static unsigned find_scales(const mt_plan *plan)
{
    unsigned has = 0;
    for (int d = 0; d < plan->ndim; d++) {
        if (plan->axes[d] == 'C')
            continue;
        if (plan->pixel_size[d] > 0 && (plan->pixel_size[d] != 1 || *plan->unit[d]))
            has |= plan->axes[d] == 'T' ? MT_META_INTERVAL : MT_META_PIXEL_SIZES;
        if (*plan->unit[d])
            has |= MT_META_UNITS;
    }
    return has;
}

mt_status mt_plan_tell_lost(const mt_plan *plan, unsigned lacks, mt_arena *arena, const char **out, mt_error *err)
{
    char list[256] = "";
    unsigned lost = lacks & (find_scales(plan) | find_channels(plan) | (plan->is_labels ? MT_META_LABELS : 0) |
                             (*plan->note ? MT_META_NOTE : 0));
    int n = 0;
    *out = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (lost & kinds[i].bit)
            n += snprintf(list + n, sizeof list - (size_t)n, "%s%s", n ? ", " : "", kinds[i].name);
    if (n == 0)
        return MT_OK;
    *out = mt_arena_printf(arena, err, "left out, because format %s cannot keep it: %s", plan->format, list);
    return *out ? MT_OK : MT_E_MEMORY;
}

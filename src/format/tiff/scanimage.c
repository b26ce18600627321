/* SPDX-License-Identifier: BSD-3-Clause */
/* ScanImage: pages in the order of acquisition, described by lines "SI.key = value" in MATLAB notation. Source:
 * "ScanImage BigTiff Specification", MBF Bioscience; the keys as found in files. */
#include "base/checked.h"
#include "base/number.h"
#include "format/tiff/tiff.h"

#include <string.h>

#define MAX_CHANNELS 64
#define LONGEST_NAME 64

typedef struct scan_info {
    const char *text;   /* lines */
    const char *prefix; /* of the keys */
    int64_t channels, slices, repeats;
    int64_t flyback; /* flyback frames after each volume */
    bool is_volume;
} scan_info;

/* The text after "SI.key = " at the start of a line, or NULL. */
static const char *find_value(const scan_info *s, const char *key)
{
    size_t n = strlen(s->prefix), k = strlen(key);
    for (const char *line = s->text; line; line = strpbrk(line, "\r\n")) {
        line += strspn(line, "\r\n");
        if (strncmp(line, s->prefix, n) == 0 && strncmp(line + n, key, k) == 0 && strncmp(line + n + k, " = ", 3) == 0)
            return line + n + k + 3;
    }
    return NULL;
}

/* An integer of at least least; else missing, also for "Inf". */
static int64_t find_count(const scan_info *s, const char *key, int64_t least, int64_t missing)
{
    const char *value = find_value(s, key);
    double number;
    if (!value || !mt_parse_real(&value, &number) || number < (double)least || number > 1e9)
        return missing;
    return (int64_t)number;
}

static double find_number(const scan_info *s, const char *key)
{
    const char *value = find_value(s, key);
    double number;
    return value && mt_parse_real(&value, &number) ? number : 0;
}

static bool is_true(const scan_info *s, const char *key)
{
    const char *value = find_value(s, key);
    return value && (strncmp(value, "true", 4) == 0 || *value == '1');
}

/* The numbers of the channels that were saved: 1 or [1;2]. */
static int64_t find_channels(const scan_info *s, int64_t *out)
{
    const char *value = find_value(s, "hChannels.channelSave");
    int64_t n = 0;
    if (!value)
        return 0;
    value += *value == '[';
    for (int64_t number; n < MAX_CHANNELS && mt_parse_integer(&value, &number);) {
        out[n++] = number;
        value += strspn(value, ";, ");
    }
    return n;
}

/* {'Channel 1';'Channel 2'}: the i-th, from 1 on. */
static mt_status find_name(const scan_info *s, int64_t i, mt_arena *arena, const char **out, mt_error *err)
{
    const char *at = find_value(s, "hChannels.channelName"), *end = at ? at + strcspn(at, "\r\n") : NULL;
    *out = "";
    for (; at; i--) {
        const char *open = memchr(at, '\'', (size_t)(end - at));
        const char *close = open ? memchr(open + 1, '\'', (size_t)(end - open - 1)) : NULL;
        if (!close || close - open > LONGEST_NAME || i < 1)
            return MT_OK;
        if (i == 1) {
            *out = mt_arena_strndup(arena, open + 1, (size_t)(close - open - 1), err);
            return *out ? MT_OK : MT_E_MEMORY;
        }
        at = close + 1;
    }
    return MT_OK;
}

static mt_status name_channels(const scan_info *s, const int64_t *numbers, tiff_images *images, tiff_series *series,
                               mt_error *err)
{
    mt_channel *channels = mt_arena_alloc(images->arena, (size_t)s->channels, sizeof *channels, err);
    if (!channels)
        return MT_E_MEMORY;
    for (int64_t c = 0; c < s->channels; c++) {
        mt_status st = find_name(s, numbers[c], images->arena, &channels[c].name, err);
        if (st)
            return st;
    }
    series->channels = channels;
    series->n_channels = (size_t)s->channels;
    return MT_OK;
}

/* Slices count only if the stage or the objective moved: the numbers may be left over from earlier settings. */
static void read_volume(scan_info *s)
{
    bool declared = find_value(s, "hStackManager.enable") || find_value(s, "hFastZ.enable");
    int64_t slices = find_count(s, "hStackManager.numSlices", 1, 1);
    s->is_volume = declared ? is_true(s, "hStackManager.enable") || is_true(s, "hFastZ.enable") : slices > 1;
    s->slices = s->is_volume ? find_count(s, "hStackManager.actualNumSlices", 1, slices) : 1;
    s->repeats = s->is_volume ? find_count(s, "hStackManager.framesPerSlice", 1, 1) : 1;
    int64_t frames = find_count(s, "hStackManager.numFramesPerVolume", 1, 0);
    int64_t all = find_count(s, "hStackManager.numFramesPerVolumeWithFlyback", 1, 0);
    s->flyback = s->is_volume && frames > 0 && all > frames ? all - frames : 0;
}

static void set_pixel_sizes(const scan_info *s, bool volumes, tiff_series *series)
{
    double rate = find_number(s, volumes ? "hRoiManager.scanVolumeRate" : "hRoiManager.scanFrameRate");
    double averaged = volumes ? 1 : (double)find_count(s, "hScan2D.logAverageFactor", 1, 1);
    double step = find_number(s, "hStackManager.actualStackZStepSize");
    if (step == 0)
        step = find_number(s, "hStackManager.stackZStepSize");
    if (rate > 0) {
        series->pixel_size[0] = averaged / rate;
        series->unit[0] = "second";
    }
    if (step != 0) {
        series->pixel_size[1] = step < 0 ? -step : step;
        series->unit[1] = "micrometer";
    }
}

/* Drops the flyback pages of each volume. */
static mt_status skip_flyback(const scan_info *s, tiff_images *images, tiff_series *series, mt_error *err)
{
    uint64_t kept = (uint64_t)(s->slices * s->repeats * s->channels), skipped = (uint64_t)(s->flyback * s->channels);
    if (skipped == 0 || series->n_planes <= kept)
        return MT_OK;
    tiff_plane *planes = mt_arena_alloc(images->arena, (size_t)series->n_planes, sizeof *planes, err);
    if (!planes)
        return MT_E_MEMORY;
    for (uint64_t i = 0; i < series->n_planes; i++)
        planes[i].page = (uint32_t)(series->first_page + i + i / kept * skipped);
    series->planes = planes;
    return MT_OK;
}

/* Channels are fastest, then the frames of a slice, slices and volumes. False if there are fewer pages than a volume or
 * a frame. */
static bool count_frames(scan_info *s, uint64_t pages, int64_t *volumes)
{
    int64_t n = (int64_t)pages / s->channels, volume;
    if (mt_mul_i64(s->slices, s->repeats, &volume) || mt_mul_i64(volume, s->channels, &volume))
        return false;
    volume /= s->channels;
    *volumes = s->is_volume ? (n + s->flyback) / (volume + s->flyback) : n;
    if (*volumes == 0 && n >= s->repeats) { /* the only volume was stopped */
        s->slices = n / s->repeats;
        *volumes = 1;
    }
    return *volumes > 0;
}

static mt_status describe(scan_info *s, const tiff_scan *scan, tiff_series *series, mt_error *err)
{
    int64_t volumes, numbers[MAX_CHANNELS];
    uint64_t pages = series->n_planes;
    s->channels = find_channels(s, numbers);
    if (s->channels == 0)
        return MT_OK;
    read_volume(s);
    int64_t slices = s->slices;
    if (!count_frames(s, pages, &volumes) || (s->flyback && series->kinds))
        return tiff_warn(scan->images, series, err,
                         "the ScanImage metadata does not match the %llu pages: they are read in file order",
                         (unsigned long long)pages);
    bool in_time = volumes > 1 || !s->is_volume;
    series->ndim = 0;
    series->axes[0] = 0;
    tiff_add_axis(series, 'T', volumes);
    tiff_add_axis(series, 'Z', s->slices);
    tiff_add_axis(series, in_time ? 'S' : 'T', s->repeats);
    tiff_add_axis(series, 'C', s->channels);
    series->n_planes = (uint64_t)(volumes * s->slices * s->repeats * s->channels);
    set_pixel_sizes(s, s->is_volume && in_time, series);
    uint64_t used = series->n_planes + (uint64_t)((volumes - 1) * s->flyback * s->channels);
    mt_status st = skip_flyback(s, scan->images, series, err);
    if (!st)
        st = name_channels(s, numbers, scan->images, series, err);
    if (!st && s->slices < slices)
        st = tiff_warn(scan->images, series, err, "the metadata counts %lld slices, the file has %lld",
                       (long long)slices, (long long)s->slices);
    if (st || pages <= used + (uint64_t)(s->flyback * s->channels))
        return st;
    return tiff_warn(scan->images, series, err, "the last %llu pages are ignored: they are less than a whole %s",
                     (unsigned long long)(pages - used), s->is_volume ? "volume" : "frame");
}

mt_status tiff_describe_scanimage(const tiff_scan *scan, const tiff_ifd *ifd, tiff_series *series, mt_error *err)
{
    static const struct {
        uint16_t tag;
        const char *prefix;
    } places[] = { { TAG_SOFTWARE, "SI." }, { TAG_DESCRIPTION, "scanimage.SI." } };
    char start[16];
    size_t size;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        scan_info s = { .prefix = places[i].prefix };
        mt_status st = tiff_get_start(scan->file, ifd, places[i].tag, start, sizeof start, err);
        if (st)
            return st;
        if (places[i].tag == TAG_SOFTWARE && strncmp(start, "SI.", 3) != 0)
            continue;
        char *text;
        if ((st = tiff_get_text(scan->file, ifd, places[i].tag, scan->scratch, &text, &size, err)))
            return st;
        s.text = text;
        if (find_value(&s, "hChannels.channelSave"))
            return describe(&s, scan, series, err);
    }
    return MT_OK;
}

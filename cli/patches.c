/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome patches */
#include "patches.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NPY_BYTES = 320 };
static const size_t batch_bytes = (size_t)64 << 20;

static const char *numpy_type(mt_dtype dtype)
{
    static const char *const names[] = { "", "b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8" };
    return names[dtype];
}

/* Format 1.0 of NumPy's NEP 1: the header is padded to a multiple of 64 bytes. */
static size_t make_npy_header(const patch_job *job, char header[NPY_BYTES])
{
    const uint16_t one = 1;
    mt_dtype dtype = patch_dtype(job);
    char text[256];
    char order = mt_dtype_size(dtype) == 1 ? '|' : *(const unsigned char *)&one ? '<' : '>';
    int n = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%" PRId64 ", %zu, ", order,
                     numpy_type(dtype), job->count, job->n_channels);
    for (size_t d = 0; d < job->n_spatial; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%" PRId64 ", ", job->size[d]);
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    int length = (10 + n + 1 + 63) / 64 * 64 - 10;
    memcpy(header, "\x93NUMPY\1", 8);
    header[8] = (char)(length & 255);
    header[9] = (char)(length >> 8);
    snprintf(header + 10, NPY_BYTES - 10, "%s%*s\n", text, length - n - 1, "");
    return (size_t)length + 10;
}

/* Bytes of one patch; 0 on overflow. */
static size_t patch_bytes(const patch_job *job)
{
    size_t bytes = mt_dtype_size(patch_dtype(job));
    if (job->n_channels > SIZE_MAX / 2 / bytes)
        return 0;
    bytes *= job->n_channels;
    for (size_t d = 0; d < job->n_spatial; d++) {
        if ((uint64_t)job->size[d] > SIZE_MAX / 2 / bytes)
            return 0;
        bytes *= (size_t)job->size[d];
    }
    return bytes;
}

int patches_write(const patch_job *job, const void *data, size_t n, FILE *file)
{
    if (fwrite(data, patch_bytes(job), n, file) == n)
        return EXIT_OK;
    return failed("the patches could not be written: %s", strerror(errno));
}

static int extract_batch(const patch_job *job, int64_t first, size_t n, uint8_t *data, FILE *file)
{
    struct place places[PATCHES_AT_ONCE];
    mt_patch_request requests[PATCHES_AT_ONCE];
    mt_error err = MT_ERROR_INIT;
    size_t bytes = patch_bytes(job);
    int status = EXIT_OK;
    if (job->loader)
        return strategy_cut(job, first, n, file);
    for (size_t i = 0; i < n && !status; i++) {
        status = place_find(job, first + (int64_t)i, &places[i]);
        requests[i] = place_request(job, &places[i], data + i * bytes);
    }
    if (!status && mt_extract_patches(requests, n, &until_interrupted, &err))
        return report(&err);
    return !status && file ? patches_write(job, data, n, file) : status;
}

static int extract_all(const patch_job *job, FILE *file)
{
    const size_t bytes = patch_bytes(job), most = PATCHES_AT_ONCE;
    size_t batch = bytes < batch_bytes / most ? most : bytes < batch_bytes ? batch_bytes / bytes : 1;
    if ((uint64_t)job->count < batch)
        batch = (size_t)job->count;
    uint8_t *data = job->loader ? NULL : need(batch, bytes);
    struct progress progress;
    progress_start(&progress);
    int status = EXIT_OK;
    for (int64_t i = 0; i < job->count && !status; i += (int64_t)batch) {
        size_t n = (uint64_t)(job->count - i) < batch ? (size_t)(job->count - i) : batch;
        status = extract_batch(job, i, n, data, file);
        progress_show(&progress, (double)i + (double)n, (double)job->count);
    }
    progress_end(&progress);
    free(data);
    if (!status && interrupted())
        status = EXIT_INTERRUPTED;
    return status;
}

/* Bytes of all patches, without the header. EXIT_FAILED after a message on overflow. */
static int count_bytes(const patch_job *job, uint64_t *out)
{
    size_t bytes = patch_bytes(job);
    if (!bytes)
        return failed("patches of this size do not fit into memory");
    if (job->count > (INT64_MAX - NPY_BYTES) / (int64_t)bytes)
        return failed("so many patches exceed the largest size of a file");
    *out = (uint64_t)job->count * bytes;
    return EXIT_OK;
}

static int extract_to(const patch_job *job, const char *path)
{
    output out;
    uint64_t bytes = 0;
    char header[NPY_BYTES];
    int status = count_bytes(job, &bytes);
    if (status || !path)
        return status ? status : extract_all(job, NULL);
    if ((status = output_open(&out, path)))
        return status;
    size_t n = make_npy_header(job, header);
    if ((status = output_allocate(&out, bytes + n)))
        return status;
    fwrite(header, 1, n, out.file);
    status = extract_all(job, out.file);
    if (!status)
        return output_finish(&out);
    output_abandon(&out);
    return status;
}

static void summarize(const patch_job *job, const char *path, double seconds, FILE *to)
{
    char shape[128], size[32];
    double bytes = (double)patch_bytes(job) * (double)job->count;
    if (path)
        fprintf(to, "%s: ", !strcmp(path, "-") ? "standard output" : path);
    fprintf(to, "%" PRId64 " patch%s of %zu channel%s, %s pixels, %s", job->count, job->count == 1 ? "" : "es",
            job->n_channels, job->n_channels == 1 ? "" : "s",
            shape_text(job->size, (int)job->n_spatial, shape, sizeof shape), mt_dtype_name(patch_dtype(job)));
    if (job->images.n > 1)
        fprintf(to, ", from %zu images", job->images.n);
    fprintf(to, ": %s in %.2f s, %.0f patches/s%s\n", bytes_text(bytes, size, sizeof size), seconds,
            (double)job->count / (seconds > 1e-9 ? seconds : 1e-9), path ? "" : "; not written (no --out)");
}

/* The output path of the labels: --labels-out, else beside --out. */
static const char *labels_path(const struct args *args)
{
    static char path[4096];
    const char *given = args_get(args, "labels-out", 0), *out = args_get(args, "out", 0);
    if (given || !args_count(args, "labels"))
        return given;
    size_t n = strlen(out);
    n -= n > 4 && !strcasecmp(out + n - 4, ".npy") ? 4 : 0;
    snprintf(path, sizeof path, "%.*s.labels.npy", (int)n, out);
    return path;
}

/* Checks the space for all outputs before the first is written. */
static int check_room(const patch_job *job, const patch_job *labels, const struct args *args)
{
    uint64_t bytes = 0, more = 0;
    const char *out = args_get(args, "out", 0);
    int status = count_bytes(job, &bytes);
    if (!status && labels)
        status = count_bytes(labels, &more);
    if (!status && labels)
        status = output_room(labels_path(args), out ? bytes + more : more);
    return !status && out ? output_room(out, bytes) : status;
}

static int write_patches(const patch_job *job, const struct args *args)
{
    const char *path = args_get(args, "out", 0);
    mt_context_reset_counters(job->context);
    double start = clock_seconds();
    int status = extract_to(job, path);
    if (status)
        return status;
    summarize(job, path, clock_seconds() - start, say_where(args));
    for (size_t i = 0; i < job->images.n; i++)
        note_absent(job->images.stacks[i]);
    if (args_count(args, "explain"))
        explain(job, say_where(args));
    return EXIT_OK;
}

static int write_others(patch_job *job, const patch_job *labels, const struct args *args)
{
    const char *coords = args_get(args, "coords", 0), *sheet = args_get(args, "sheet", 0);
    double start = clock_seconds();
    int status = labels ? extract_to(labels, labels_path(args)) : EXIT_OK;
    if (!status && labels)
        summarize(labels, labels_path(args), clock_seconds() - start, say_where(args));
    if (!status && coords)
        status = places_write(job, labels, coords);
    if (!status && coords)
        fprintf(say_where(args), "%s: the places of the patches\n", coords);
    return !status && sheet ? sheet_write(job, sheet, say_where(args)) : status;
}

/* Checks that no output overwrites an image found by a search. */
static int check_found(const struct images *images, const struct args *args)
{
    static const char *const names[] = { "out", "sheet", "coords" };
    int status = EXIT_OK;
    for (size_t i = 0; i < images->n && !status; i++) {
        for (size_t k = 0; k < sizeof names / sizeof *names && !status; k++)
            if (args_get(args, names[k], 0))
                status = output_apart(args_get(args, names[k], 0), images->names[i]);
        if (!status && args_count(args, "labels"))
            status = output_apart(labels_path(args), images->names[i]);
    }
    return status;
}

/* Opens the images, and checks all that can be checked without reading pixels. */
static int open_job(patch_job *job, patch_job *labels, const struct args *args)
{
    const struct images *masks;
    int status = patch_images_open(job, args);
    if (!status)
        status = places_read(job, args);
    if (!status && args_count(args, "labels"))
        status = patch_labels_open(labels, job, args);
    if (!status)
        status = check_found(&job->images, args);
    if (!status)
        status = check_found(&labels->images, args);
    for (size_t i = 0; !status && (masks = filters_masks(job, i)); i++)
        status = check_found(masks, args);
    return status;
}

static int normalize_job(patch_job *job)
{
    if (job->normalize.kind == MT_NORMALIZE_NONE)
        return EXIT_OK;
    int status = check_channel_numbers(job, "normalize");
    return status ? status
                  : normalize_prepare(&job->normalize, job->context, &job->images, job->channels, job->n_channels);
}

/* Reads what filters and normalization need to know of the pixels. */
static int measure_job(patch_job *job, patch_job *labels, const struct args *args)
{
    bool has_labels = args_count(args, "labels");
    int status = normalize_job(job);
    if (status || job->places != PLACES_STRATEGY)
        return status;
    status = strategy_count(job, args);
    labels->count = job->count;
    if (!status)
        status = strategy_start(job);
    return !status && has_labels ? strategy_start(labels) : status;
}

static bool has_skipped(const patch_job *job, const patch_job *labels)
{
    const struct images *masks;
    bool any = job->images.skipped || labels->images.skipped;
    for (size_t i = 0; (masks = filters_masks(job, i)); i++)
        any |= masks->skipped;
    return any;
}

static int run_job(patch_job *job, patch_job *labels, const struct args *args)
{
    bool has_labels = args_count(args, "labels");
    int status = open_job(job, labels, args);
    interrupt_catch();
    if (!status)
        status = measure_job(job, labels, args);
    if (!status)
        status = check_room(job, has_labels ? labels : NULL, args);
    if (!status)
        patch_images_note_small(job);
    if (!status)
        status = write_patches(job, args);
    if (!status)
        status = write_others(job, has_labels ? labels : NULL, args);
    return status ? status : has_skipped(job, labels) ? EXIT_FAILED : EXIT_OK;
}

static int check_places(const struct args *args)
{
    bool has_strategy = args_count(args, "strategy");
    bool random = !has_strategy && (args_count(args, "count") || args_count(args, "seed"));
    if (args_count(args, "grid") + (args_count(args, "at") != 0) + random + has_strategy > 1)
        return usage_error(args, "random patches (--count, --seed), --grid, --at and --strategy exclude each other");
    return strategy_check(args);
}

static int check_labels(const struct args *args)
{
    const char *out = args_get(args, "out", 0);
    bool has_labels = args_count(args, "labels"), has_path = args_count(args, "labels-out");
    if (!has_labels && (has_path || args_count(args, "labels-axes")))
        return usage_error(args, "--labels-out and --labels-axes need --labels");
    if (has_labels && !has_path && (!out || !strcmp(out, "-")))
        return usage_error(args, "--labels needs --labels-out FILE.npy, or --out FILE.npy");
    return EXIT_OK;
}

static int check_outputs(const struct args *args)
{
    const char *paths[] = { args_get(args, "out", 0), args_get(args, "sheet", 0), args_get(args, "coords", 0),
                            labels_path(args) };
    static const char *const names[] = { "--out", "--sheet", "--coords", "the patches of --labels" };
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++)
            if (paths[i] && paths[k] && !strcmp(paths[i], paths[k]))
                return usage_error(args, "%s and %s are the same file", names[k], names[i]);
    if (!paths[1] && drawing_option(args))
        return usage_error(args, "--%s needs --sheet", drawing_option(args));
    int status = output_check(args, "out", paths[0], ".npy");
    if (!status)
        status = output_check(args, "labels-out", paths[3], ".npy");
    if (!status)
        status = output_check(args, "coords", paths[2], ".csv");
    return status ? status : output_check(args, "sheet", paths[1], ".png");
}

int run_patches(const struct args *args)
{
    patch_job job = { .as_float = args_count(args, "float") }, labels = { 0 };
    int status = check_places(args);
    if (!status)
        status = check_labels(args);
    if (!status)
        status = check_outputs(args);
    if (!status)
        status = normalize_read(&job.normalize, args);
    job.as_float |= job.normalize.kind != MT_NORMALIZE_NONE;
    if (!status)
        status = drawing_read(&job.drawing, args);
    if (!status)
        status = context_open(&job.context, args);
    if (!status)
        status = run_job(&job, &labels, args);
    places_free(&job);
    strategy_free(&job);
    normalize_free(&job.normalize);
    patch_images_close(&labels);
    patch_images_close(&job);
    mt_context_free(job.context);
    drawing_free(&job.drawing);
    return status;
}

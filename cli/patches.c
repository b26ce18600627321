/* SPDX-License-Identifier: BSD-3-Clause */
/* microtome patches */
#include "patches.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Patches asked for at once: enough that chunks are shared, few enough that memory stays small. */
enum { BATCH = 256 };
static const size_t batch_bytes = (size_t)64 << 20;

static const char *numpy_type(mt_dtype dtype)
{
    static const char *const names[] = { "", "b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8" };
    return names[dtype];
}

/* Format 1.0 of NumPy's NEP 1: the header is padded to a multiple of 64 bytes. */
static void write_npy_header(FILE *file, const patch_job *job)
{
    const uint16_t one = 1;
    mt_dtype dtype = job->as_float ? MT_FLOAT32 : job->image.info->dtype;
    char text[256];
    char order = mt_dtype_size(dtype) == 1 ? '|' : *(const unsigned char *)&one ? '<' : '>';
    int n = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%" PRId64 ", %zu, ", order,
                     numpy_type(dtype), job->count, job->n_channels);
    for (size_t d = 0; d < job->n_spatial; d++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%" PRId64 ", ", job->size[d]);
    n += snprintf(text + n, sizeof text - (size_t)n, "), }");
    int length = (10 + n + 1 + 63) / 64 * 64 - 10;
    fwrite("\x93NUMPY\1", 1, 7, file);
    fputc(0, file);
    fputc(length & 255, file);
    fputc(length >> 8, file);
    fprintf(file, "%s%*s\n", text, length - n - 1, "");
}

/* Bytes of one patch; 0 where they cannot be counted. */
static size_t patch_bytes(const patch_job *job)
{
    size_t bytes = mt_dtype_size(job->as_float ? MT_FLOAT32 : job->image.info->dtype);
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

static int extract_batch(const patch_job *job, int64_t first, size_t n, uint8_t *data, size_t bytes, FILE *file)
{
    struct place places[BATCH];
    mt_patch_request requests[BATCH];
    mt_error err = MT_ERROR_INIT;
    for (size_t i = 0; i < n; i++) {
        place_find(job, first + (int64_t)i, &places[i]);
        requests[i] = place_request(job, &places[i], data + i * bytes);
    }
    if (mt_extract_patches(requests, n, &until_interrupted, &err))
        return report(&err);
    if (file && fwrite(data, bytes, n, file) != n)
        return failed("the patches could not be written: %s", strerror(errno));
    return EXIT_OK;
}

static int extract_all(const patch_job *job, FILE *file)
{
    size_t bytes = patch_bytes(job);
    if (!bytes)
        return failed("patches of this size are larger than any memory");
    if (job->count > INT64_MAX / (int64_t)bytes)
        return failed("so many patches are larger than any file");
    size_t batch = bytes < batch_bytes / BATCH ? BATCH : bytes < batch_bytes ? batch_bytes / bytes : 1;
    if ((uint64_t)job->count < batch)
        batch = (size_t)job->count;
    uint8_t *data = need(batch, bytes);
    struct progress progress;
    progress_start(&progress);
    int status = EXIT_OK;
    for (int64_t i = 0; i < job->count && !status; i += (int64_t)batch) {
        size_t n = (uint64_t)(job->count - i) < batch ? (size_t)(job->count - i) : batch;
        status = extract_batch(job, i, n, data, bytes, file);
        progress_show(&progress, (double)i + (double)n, (double)job->count);
    }
    progress_end(&progress);
    free(data);
    if (!status && interrupted())
        status = EXIT_INTERRUPTED;
    return status;
}

static int extract_to(const patch_job *job, const char *path)
{
    output out;
    if (!path)
        return extract_all(job, NULL);
    int status = output_open(&out, path);
    if (status)
        return status;
    write_npy_header(out.file, job);
    status = extract_all(job, out.file);
    if (!status)
        return output_finish(&out);
    output_abandon(&out);
    return status;
}

static void summarize(const patch_job *job, const char *path, double seconds)
{
    char shape[128], size[32];
    double bytes = (double)patch_bytes(job) * (double)job->count;
    printf("%s%s%" PRId64 " patches of %zu channel%s, %s pixels, %s: %s in %.2f s, %.0f patches/s\n", path ? path : "",
           path ? ": " : "", job->count, job->n_channels, job->n_channels == 1 ? "" : "s",
           shape_text(job->size, (int)job->n_spatial, shape, sizeof shape),
           mt_dtype_name(job->as_float ? MT_FLOAT32 : job->image.info->dtype), bytes_text(bytes, size, sizeof size),
           seconds, (double)job->count / (seconds > 1e-9 ? seconds : 1e-9));
}

static int run_job(patch_job *job, const struct args *args)
{
    const char *path = args_get(args, "out", 0), *sheet = args_get(args, "sheet", 0);
    int status = image_channels(&job->image, args, "channels", &job->channels, &job->n_channels);
    if (!status)
        status = places_read(job, args);
    if (status)
        return status;
    for (int d = 0; d < job->image.info->data_ndim; d++)
        if (!job->image.info->data_shape[d])
            return failed("%s has no pixels", job->image.info->source);
    interrupt_catch();
    mt_context_reset_counters(job->image.context);
    double start = clock_seconds();
    status = extract_to(job, path);
    if (status)
        return status;
    summarize(job, path, clock_seconds() - start);
    note_absent(job->image.stack);
    if (args_count(args, "explain"))
        explain(job);
    return sheet ? sheet_write(job, sheet) : EXIT_OK;
}

static int check_options(const struct args *args)
{
    bool random = args_count(args, "count") || args_count(args, "seed");
    if (!args_get(args, "size", 0))
        return usage_error(args, "--size is missing, such as --size 64x64");
    if (args_count(args, "grid") + (args_count(args, "at") != 0) + random > 1)
        return usage_error(args, "random patches (--count, --seed), --grid and --at exclude each other");
    if (args_count(args, "overlap") && !args_count(args, "grid"))
        return usage_error(args, "--overlap needs --grid");
    const char *out = args_get(args, "out", 0), *sheet = args_get(args, "sheet", 0);
    if (!sheet && drawing_option(args))
        return usage_error(args, "--%s needs --sheet", drawing_option(args));
    if (out && sheet && !strcmp(out, sheet))
        return usage_error(args, "--out and --sheet are the same file");
    int status = output_check(args, "out", ".npy");
    return status ? status : output_check(args, "sheet", ".png");
}

int run_patches(const struct args *args)
{
    patch_job job = { .as_float = args_count(args, "float") };
    int status = check_options(args);
    if (!status)
        status = drawing_read(&job.drawing, args);
    if (!status)
        status = image_open(&job.image, args);
    if (status) {
        drawing_free(&job.drawing);
        return status;
    }
    status = run_job(&job, args);
    free(job.channels);
    free(job.at);
    drawing_free(&job.drawing);
    image_close(&job.image);
    return status;
}

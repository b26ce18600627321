/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/context.h"

#include "cache/slabs.h"
#include "engine/ahead.h"
#include "engine/fetch.h"
#include "format/format.h"
#include "platform/memory.h"
#include "store/disk_cache.h"
#include "store/s3/options.h"

#include <string.h>

#define INDEX_CACHE_BYTES ((uint64_t)32 << 20)
#define DISK_CACHE_BYTES ((uint64_t)16 << 30)
#define MOST_FILES ((size_t)1024)
#define LEAST_RESTART_BYTES ((uint64_t)16 << 20)

static mt_context *allocate_context(mt_context_options *options, mt_error *err)
{
    if (!options->allocator.resize)
        options->allocator = (mt_allocator) { mt_memory_resize, NULL };
    mt_env env; /* used until the context's own env exists */
    mt_env_init(&env, &options->allocator, &options->limits);
    void *memory;
    if (mt_alloc(&env, sizeof(mt_context), &memory, err))
        return NULL;
    mt_context *context = memset(memory, 0, sizeof(mt_context));
    mt_env_init(&context->env, &options->allocator, &options->limits);
    context->env.allow_mmap = options->allow_mmap;
    context->env.in_flight = options->in_flight;
    context->owners = 1;
    return context;
}

static void free_context(mt_context *context)
{
    mt_allocator allocator = context->env.allocator;
    allocator.resize(allocator.user, context, sizeof *context, 0);
}

/* The default budget is a fraction of the memory, in worker processes 1/WORKERS of that. */
#define WORKERS 8
static uint64_t default_budget(void) { return mt_memory_size() / 8; }

static uint64_t cache_budget(const mt_context_options *options)
{
    if (options->cache_bytes == 0)
        return mt_process_is_forked() || options->is_worker ? default_budget() / WORKERS : default_budget();
    return options->cache_bytes < 0 ? 0 : (uint64_t)options->cache_bytes;
}

/* The budget of restart points in compressed files: a sixteenth of the cache budget. */
static uint64_t restart_budget(const mt_context_options *options)
{
    uint64_t share = cache_budget(options) / 16;
    return share < LEAST_RESTART_BYTES ? LEAST_RESTART_BYTES : share;
}

/* Leaves most file descriptors to the program. */
static size_t open_files(void)
{
    size_t n = mt_file_limit() / 4;
    return n < MOST_FILES ? n : MOST_FILES;
}

static void drop_spares(mt_context *context)
{
    mt_scratch *spares[MT_MAX_SPARES];
    mt_lock_take(&context->lock);
    unsigned n = context->n_spares;
    memcpy(spares, context->spares, n * sizeof *spares);
    context->n_spares = 0;
    context->spare_bytes = 0;
    mt_lock_give(&context->lock);
    while (n > 0)
        mt_scratch_free(spares[--n]);
}

static void destroy(mt_context *context)
{
    mt_ahead_free(context->ahead);
#ifdef MT_WITH_HTTP
    mt_http_free(context->http);
#endif
#ifdef MT_WITH_S3
    mt_s3_options_free(&context->env, context->env.s3);
#endif
    mt_disk_cache_free(context->env.disk_cache);
    mt_io_free(context->io);
    mt_pool_free(context->pool);
    drop_spares(context);
    mt_fetcher_free(context->fetcher);
    mt_cache_free(context->chunks);
    mt_cache_free(context->indices);
    mt_files_free(context->files);
    mt_lock_destroy(&context->lock);
    mt_condition_destroy(&context->freed);
    free_context(context);
}

/* In a forked child: no large chunk is in progress, and the process is probably one of several readers. */
static void forget_work(void *owner)
{
    mt_context *context = owner;
    mt_condition_reset(&context->freed);
    atomic_fetch_sub(&context->env.work_bytes, context->large_bytes);
    context->large_bytes = 0;
    if (context->has_default_budget)
        mt_cache_set_budget(context->chunks, default_budget() / WORKERS);
}

static mt_status copy_options(const mt_context_options *given, mt_context_options *out, mt_error *err)
{
    if (!given)
        return MT_OK;
    if (given->struct_size == 0 || given->struct_size > sizeof *out)
        return mt_fail(err, MT_E_ARGUMENT, "mt_context_options.struct_size is %zu, not %zu", given->struct_size,
                       sizeof *out);
    memcpy(out, given, given->struct_size);
    return MT_OK;
}

mt_status mt_context_new(const mt_context_options *given, mt_context **out, mt_error *err)
{
    mt_error_reset(err);
    mt_context_options options = { .struct_size = sizeof options };
    mt_status st = copy_options(given, &options, err);
    if (st)
        return st;
    mt_context *context = allocate_context(&options, err);
    if (!context)
        return MT_E_MEMORY;
    st = mt_condition_init(&context->freed, err);
    if (st) {
        free_context(context);
        return st;
    }
    if ((st = mt_lock_init(&context->lock, forget_work, context, err))) {
        mt_condition_destroy(&context->freed);
        free_context(context);
        return st;
    }
    unsigned threads = options.threads ? options.threads : mt_processor_count();
    if ((st = mt_pool_new(&context->env, threads, &context->pool, err)) ||
        (st = mt_cache_new(&context->env, cache_budget(&options), &context->chunks, err)) ||
        (mt_slabs_are_allowed(&context->env) && (st = mt_cache_use_slabs(context->chunks, err))) ||
        (st = mt_cache_new(&context->env, INDEX_CACHE_BYTES, &context->indices, err)) ||
        (st = mt_files_new(&context->env, open_files(), &context->files, err)) ||
        (st = mt_io_new(&context->env, &context->io, err)) || (st = mt_fetcher_new(context, &context->fetcher, err)) ||
        (st = mt_ahead_new(&context->env, &context->ahead, err))) {
        destroy(context);
        return st;
    }
    context->has_default_budget = options.cache_bytes == 0;
    context->env.restart_most = restart_budget(&options);
#ifdef MT_WITH_HTTP
    if ((st = mt_http_new(&context->env, &options.http, &context->http, err))) {
        destroy(context);
        return st;
    }
    context->env.http = context->http;
#endif
#ifdef MT_WITH_S3
    if ((st = mt_s3_options_copy(&context->env, &options.s3, &context->env.s3, err))) {
        destroy(context);
        return st;
    }
#endif
    uint64_t disk_bytes = options.disk_cache_bytes ? options.disk_cache_bytes : DISK_CACHE_BYTES;
    if (options.disk_cache &&
        (st = mt_disk_cache_new(&context->env, options.disk_cache, disk_bytes, &context->env.disk_cache, err))) {
        destroy(context);
        return st;
    }
    mt_cache_share_budget(context->chunks, &context->env.work_bytes);
    context->env.index_cache = context->indices;
    context->env.folder_kind = mt_format_folder_kind;
    context->env.files = context->files;
    context->env.io = context->io;
    *out = context;
    return MT_OK;
}

void mt_context_free(mt_context *context)
{
    if (context && atomic_fetch_sub(&context->owners, 1) == 1)
        destroy(context);
}

/* The default context lives as long as the process. */
static mt_context *default_context;
static mt_context_options default_options = { .struct_size = sizeof default_options };
static _Atomic bool is_default_fixed;
static mt_error default_error;
static void make_default(void)
{
    is_default_fixed = true;
    (void)!mt_context_new(&default_options, &default_context, &default_error);
}

mt_status mt_context_set_default(const mt_context_options *options, mt_error *err)
{
    mt_error_reset(err);
    mt_context_options copy = { .struct_size = sizeof copy };
    mt_status st = copy_options(options, &copy, err);
    if (st)
        return st;
    if (is_default_fixed)
        return mt_fail(err, MT_E_ARGUMENT, "the default context is in use already");
    default_options = copy;
    return MT_OK;
}

mt_context *mt_context_retain(mt_context *context, mt_error *err)
{
    static mt_once once = MT_ONCE_INIT;
    if (!context) {
        mt_once_run(&once, make_default);
        context = default_context;
    }
    if (!context) {
        mt_fail(err, default_error.status, "default context: %s", default_error.message);
        return NULL;
    }
    atomic_fetch_add(&context->owners, 1);
    return context;
}

/* Chunks up to this size are decoded by all threads at once, without a reservation. */
#define SMALL ((size_t)1 << 20)

bool mt_context_reserve(mt_context *context, size_t bytes)
{
    if (bytes <= SMALL)
        return false;
    uint64_t budget = mt_cache_budget(context->chunks);
    mt_lock_take(&context->lock);
    while (context->large_bytes > 0 && context->large_bytes + bytes > budget)
        mt_condition_wait(&context->freed, &context->lock);
    context->large_bytes += bytes;
    atomic_fetch_add(&context->env.work_bytes, bytes);
    mt_lock_give(&context->lock);
    mt_cache_make_room(context->chunks);
    return true;
}

/* Bytes that a thread's scratch keeps after a large chunk. */
static size_t scratch_limit(const mt_context *context)
{
    enum { LEAST = 16 << 20 };
    uint64_t share = mt_cache_budget(context->chunks) / 4;
    return (size_t)((share > LEAST ? share : LEAST) / mt_pool_threads(context->pool));
}

void mt_context_unreserve(mt_context *context, size_t bytes, mt_scratch *scratch)
{
    if (mt_scratch_bytes(scratch) > scratch_limit(context))
        mt_scratch_trim(scratch);
    mt_lock_take(&context->lock);
    atomic_fetch_sub(&context->env.work_bytes, bytes);
    context->large_bytes -= bytes;
    mt_condition_wake_all(&context->freed);
    mt_lock_give(&context->lock);
}

mt_status mt_context_take_scratch(mt_context *context, mt_scratch **out, mt_error *err)
{
    *out = NULL;
    mt_lock_take(&context->lock);
    if (context->n_spares > 0) {
        *out = context->spares[--context->n_spares];
        context->spare_bytes -= mt_scratch_bytes(*out);
    }
    mt_lock_give(&context->lock);
    return *out ? MT_OK : mt_scratch_new(&context->env, out, err);
}

/* Bytes that all idle scratch together may keep. */
#define SPARE_BYTES ((size_t)32 << 20)

void mt_context_give_scratch(mt_context *context, mt_scratch *scratch)
{
    size_t bytes = mt_scratch_bytes(scratch);
    mt_lock_take(&context->lock);
    bool kept = context->n_spares < MT_MAX_SPARES && context->spare_bytes + bytes <= SPARE_BYTES;
    if (kept) {
        context->spares[context->n_spares++] = scratch;
        context->spare_bytes += bytes;
    }
    mt_lock_give(&context->lock);
    if (!kept)
        mt_scratch_free(scratch);
}

static uint64_t get(_Atomic uint64_t *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

void mt_context_get_counters(mt_context *given, mt_counters *out)
{
    memset(out, 0, sizeof *out);
    mt_context *context = mt_context_retain(given, NULL);
    if (!context)
        return;
    mt_env *env = &context->env;
    *out = (mt_counters) {
        .patches = get(&env->patches),
        .bytes_delivered = get(&env->bytes_delivered),
        .ranges = get(&env->ranges),
        .bytes_fetched = get(&env->bytes_fetched),
        .chunks_decoded = get(&env->chunks_decoded),
        .bytes_decoded = get(&env->bytes_decoded),
        .chunks_missing = get(&env->chunks_missing),
        .cache_hits = get(&env->cache_hits),
        .cache_bytes = mt_cache_bytes(context->chunks),
        .memory_bytes = get(&env->memory_bytes),
        .memory_peak = get(&env->memory_peak),
    };
    mt_context_free(context);
}

void mt_context_reset_counters(mt_context *given)
{
    mt_context *context = mt_context_retain(given, NULL);
    if (!context)
        return;
    mt_env *env = &context->env;
    _Atomic uint64_t *counters[] = { &env->patches,        &env->bytes_delivered, &env->ranges,
                                     &env->bytes_fetched,  &env->chunks_decoded,  &env->bytes_decoded,
                                     &env->chunks_missing, &env->cache_hits };
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
        atomic_store(counters[i], 0);
    atomic_store(&env->memory_peak, get(&env->memory_bytes));
    mt_context_free(context);
}

void mt_context_drop_cache(mt_context *given)
{
    mt_context *context = mt_context_retain(given, NULL);
    if (!context)
        return;
    mt_cache_drop(context->chunks, 0);
    mt_cache_drop(context->indices, 0);
    drop_spares(context);
    mt_context_free(context);
}

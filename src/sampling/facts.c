/* SPDX-License-Identifier: BSD-3-Clause */
/* The facts that define the patches of a patching: a saved state belongs to a plan whose facts are equal. */
#include "sampling/patching.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void set_number(mt_fact *fact, const char *name, uint64_t value)
{
    fact->name = name;
    snprintf(fact->value, sizeof fact->value, "%" PRIu64, value);
}

static void set_digest(mt_fact *fact, const char *name, uint64_t value)
{
    fact->name = name;
    snprintf(fact->value, sizeof fact->value, "%016" PRIx64, value);
}

static void set_word(mt_fact *fact, const char *name, const char *value)
{
    fact->name = name;
    snprintf(fact->value, sizeof fact->value, "%s", value);
}

/* As "16x64x64". */
static void set_sizes(mt_fact *fact, const char *name, const int64_t *sizes, size_t n)
{
    size_t used = 0;
    fact->name = name;
    for (size_t i = 0; i < n && used < sizeof fact->value; i++)
        used += (size_t)snprintf(fact->value + used, sizeof fact->value - used, "%s%" PRId64, i ? "x" : "", sizes[i]);
}

/* Shapes of all stacks, SC(Z)YX. */
static uint64_t digest_shapes(const mt_patching *p)
{
    uint64_t digest = MT_FNV_START;
    for (size_t s = 0; s < p->n_stacks; s++) {
        const mt_stack_info *info = &p->stacks[s]->info;
        digest = mt_fnv_add(digest, info->data_shape, (size_t)info->data_ndim * sizeof *info->data_shape);
    }
    return digest;
}

static uint64_t count_samples(const mt_patching *p)
{
    uint64_t n = 0;
    for (size_t s = 0; s < p->n_stacks; s++)
        n += (uint64_t)p->stacks[s]->info.data_shape[0];
    return n;
}

/* It may take long, and is kept from when the patches cannot change any more. */
static uint64_t digest_patches(mt_patching *p)
{
    if (!p->strategy->digest)
        return MT_FNV_START;
    if (p->has_digest)
        return p->digest;
    const bool is_final = p->is_frozen;
    const uint64_t digest = p->strategy->digest(p, MT_FNV_START);
    if (is_final) {
        p->digest = digest;
        p->has_digest = true;
    }
    return digest;
}

void mt_patching_fingerprint(mt_patching *p, mt_fact out[MT_PATCHING_FACTS])
{
    mt_fact *fact = out;
    const uint64_t digest = digest_patches(p);
    memset(out, 0, MT_PATCHING_FACTS * sizeof *out);
    set_word(fact++, "strategy", p->strategy->name);
    set_number(fact++, "number of spatial axes", p->n_spatial);
    set_sizes(fact++, "patch size", p->patch_size, p->n_spatial);
    set_sizes(fact++, "overlap", p->overlap, p->n_spatial);
    set_number(fact++, "seed", p->seed);
    set_word(fact++, "padding of small images", p->pad ? "yes" : "no");
    set_number(fact++, "number of stacks", p->n_stacks);
    set_number(fact++, "number of samples", count_samples(p));
    set_digest(fact++, "digest of the shapes", digest_shapes(p));
    set_number(fact++, "number of patches", mt_patching_count(p));
    set_digest(fact, "digest of weights, exclusions and given patches", digest);
}

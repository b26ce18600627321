/* SPDX-License-Identifier: BSD-3-Clause */
#include "write/journal.h"

#include "base/reader.h"
#include "codec/codec.h"
#include "platform/file.h"

#include <stdio.h>
#include <string.h>

#define VERSION 1
#define SLOT 32     /* bytes of the head and of a record */
#define BLOCK 65536 /* bytes of a read; a multiple of SLOT */
#define KEY_BYTES 256
static const char magic[8] = "mtunits\n";
static const char file_prefix[] = "journal-", marker_prefix[] = "unit-";

struct mt_journal {
    mt_target *target;
    uint64_t plan;
    bool has_file;            /* else records are objects */
    mt_output file;           /* of this writer */
    _Atomic uint32_t n;       /* slots in use */
    char path[MT_PATH_BYTES]; /* of the file */
};

static void format_head(uint64_t plan, uint8_t out[SLOT])
{
    memset(out, 0, SLOT);
    memcpy(out, magic, sizeof magic);
    mt_store_u32le(out + 8, VERSION);
    mt_store_u64le(out + 16, plan);
    mt_store_u32le(out + 28, mt_crc32c(out, 28));
}

static uint32_t sum_slot(const uint8_t slot[SLOT], uint64_t plan)
{
    uint8_t bytes[8 + 28];
    mt_store_u64le(bytes, plan);
    memcpy(bytes + 8, slot, 28);
    return mt_crc32c(bytes, sizeof bytes);
}

static void format_slot(const mt_unit_record *record, uint64_t plan, uint32_t number, uint8_t out[SLOT])
{
    mt_store_u64le(out, record->unit);
    mt_store_u64le(out + 8, record->size);
    mt_store_u32le(out + 16, record->crc);
    mt_store_u32le(out + 20, record->flags);
    mt_store_u32le(out + 24, number);
    mt_store_u32le(out + 28, sum_slot(out, plan));
}

static bool parse_slot(const uint8_t slot[SLOT], uint64_t plan, uint32_t number, mt_unit_record *out)
{
    *out = (mt_unit_record) { mt_load_u64le(slot), mt_load_u64le(slot + 8), mt_load_u32le(slot + 16),
                              mt_load_u32le(slot + 20) };
    return mt_load_u32le(slot + 24) == number && mt_load_u32le(slot + 28) == sum_slot(slot, plan);
}

static mt_status create_file(mt_journal *j, mt_error *err)
{
    char writer[MT_WRITER_BYTES], key[KEY_BYTES];
    uint8_t head[SLOT];
    bool is_new = false;
    mt_status st = MT_OK;
    while (!st && !is_new) {
        mt_output_name_writer(writer);
        snprintf(key, sizeof key, "%s/%s%s", MT_JOURNAL_FOLDER, file_prefix, writer);
        st = mt_target_create_file(j->target, key, j->path, &j->file, &is_new, err);
    }
    if (st)
        return st;
    format_head(j->plan, head);
    st = mt_output_write(j->file, j->path, 0, &(mt_piece) { head, SLOT }, 1, err);
    if (st) {
        (void)!mt_output_close(j->file, j->path, NULL);
        (void)!mt_output_remove(j->path, NULL);
    }
    return st;
}

mt_status mt_journal_new(mt_target *target, uint64_t plan, mt_journal **out, mt_error *err)
{
    void *memory;
    *out = NULL;
    mt_status st = mt_alloc(target->env, sizeof(mt_journal), &memory, err);
    if (st)
        return st;
    mt_journal *j = memset(memory, 0, sizeof *j);
    j->target = target;
    j->plan = plan;
    j->has_file = mt_target_has_files(target);
    if (j->has_file && (st = create_file(j, err))) {
        mt_release(target->env, j, sizeof *j);
        return st;
    }
    *out = j;
    return MT_OK;
}

/* "unit-PLAN-UNIT-SIZE-CRC-FLAGS", in hexadecimal. */
static mt_status add_marker(mt_journal *j, const mt_unit_record *r, mt_error *err)
{
    char key[KEY_BYTES];
    snprintf(key, sizeof key, "%s/%s%016llx-%016llx-%016llx-%08lx-%08lx", MT_JOURNAL_FOLDER, marker_prefix,
             (unsigned long long)j->plan, (unsigned long long)r->unit, (unsigned long long)r->size,
             (unsigned long)r->crc, (unsigned long)(r->flags | MT_UNIT_SYNCED));
    return mt_target_publish(j->target, key, NULL, 0, err);
}

/* Each record has a slot of its own: no lock is needed, and a write that failed leaves a damaged slot, not a shift of
 * all later ones. */
mt_status mt_journal_add(mt_journal *j, const mt_unit_record *record, mt_error *err)
{
    uint8_t slot[SLOT];
    mt_unit_record r = *record;
    if (!j->has_file)
        return add_marker(j, record, err);
    if (j->target->sync == MT_SYNC_SHARDS)
        r.flags |= MT_UNIT_SYNCED;
    uint32_t number = j->n++;
    format_slot(&r, j->plan, number, slot);
    return mt_output_write(j->file, j->path, SLOT * ((uint64_t)number + 1), &(mt_piece) { slot, SLOT }, 1, err);
}

mt_status mt_journal_close(mt_journal *j, mt_error *err)
{
    mt_status st = MT_OK;
    if (!j)
        return MT_OK;
    if (j->has_file) {
        if (j->target->sync != MT_SYNC_NONE)
            st = mt_output_sync(j->file, j->path, err);
        mt_status closed = mt_output_close(j->file, j->path, st ? NULL : err);
        st = st ? st : closed;
    }
    mt_release(j->target->env, j, sizeof *j);
    return st;
}

typedef struct reading {
    mt_target *target;
    uint64_t plan;
    bool may_grow;
    mt_journal_visit visit;
    void *user;
    uint64_t *n_damaged;
    uint8_t *block; /* of BLOCK bytes */
} reading;

static mt_status refuse(const reading *r, const char *name, mt_error *err)
{
    return mt_fail(err, MT_E_ARGUMENT,
                   "%s/%s/%s: is the journal of another request; repeat that request, choose another output, or remove "
                   "this one",
                   r->target->path, MT_JOURNAL_FOLDER, name);
}

/* *is_good is false for a head that is damaged. */
static mt_status check_head(const reading *r, const char *name, const uint8_t *head, bool *is_good, mt_error *err)
{
    *is_good = memcmp(head, magic, sizeof magic) == 0 && mt_load_u32le(head + 28) == mt_crc32c(head, 28);
    if (!*is_good)
        return MT_OK;
    if (mt_load_u32le(head + 8) != VERSION)
        return mt_fail(err, MT_E_UNSUPPORTED, "%s/%s/%s: was written by another version of microtome", r->target->path,
                       MT_JOURNAL_FOLDER, name);
    return mt_load_u64le(head + 16) == r->plan ? MT_OK : refuse(r, name, err);
}

/* Counts a slot, of which the file has n bytes, that is no record. Slots are written in any order: one of zeros may be
 * a gap before a later one. */
static void note_damage(const reading *r, const uint8_t *slot, size_t n)
{
    static const uint8_t gap[SLOT];
    bool is_unwritten = n < SLOT || memcmp(slot, gap, SLOT) == 0;
    *r->n_damaged += !(r->may_grow && is_unwritten);
}

/* Visits the n bytes of a block, whose first slot has a number. */
static mt_status visit_slots(const reading *r, size_t n, uint64_t number, mt_error *err)
{
    mt_unit_record record;
    mt_status st = MT_OK;
    for (size_t i = 0; !st && i < n; i += SLOT, number++)
        if (n - i < SLOT || number > UINT32_MAX || !parse_slot(r->block + i, r->plan, (uint32_t)number, &record))
            note_damage(r, r->block + i, n - i);
        else
            st = r->visit(r->user, &record, err);
    return st;
}

static mt_status read_open_file(const reading *r, const char *name, mt_file file, const char *path, mt_error *err)
{
    uint64_t size;
    bool is_good = false;
    mt_status st = mt_file_size(file, path, &size, err);
    if (!st && size >= SLOT && !(st = mt_file_read(file, path, 0, r->block, SLOT, err)))
        st = check_head(r, name, r->block, &is_good, err);
    if (!st && !is_good)
        note_damage(r, r->block, size < SLOT ? (size_t)size : SLOT);
    for (uint64_t at = SLOT; !st && is_good && at < size; at += BLOCK) {
        size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
        if (!(st = mt_file_read(file, path, at, r->block, n, err)))
            st = visit_slots(r, n, at / SLOT - 1, err);
    }
    return st;
}

static mt_status read_file(const reading *r, const char *name, mt_error *err)
{
    char key[KEY_BYTES + sizeof MT_JOURNAL_FOLDER], path[MT_PATH_BYTES];
    mt_file file;
    snprintf(key, sizeof key, "%s/%.*s", MT_JOURNAL_FOLDER, KEY_BYTES - 1, name);
    mt_status st = mt_target_get_file(r->target, key, path, err);
    if (st || (st = mt_file_open(path, &file, err)))
        return st;
    st = read_open_file(r, name, file, path, err);
    mt_file_close(file);
    return st;
}

/* Takes n hexadecimal digits in lower case, and a '-' before them unless they are the first. */
static bool take_hex(const char **text, bool is_first, int n, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    if (!is_first && *(*text)++ != '-')
        return false;
    for (*out = 0; n > 0; n--, ++*text) {
        const char *digit = **text ? strchr(digits, **text) : NULL;
        if (!digit)
            return false;
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

static mt_status read_marker(const reading *r, const char *name, mt_error *err)
{
    const char *at = name + sizeof marker_prefix - 1;
    uint64_t plan, unit, size, crc, flags;
    if (!take_hex(&at, true, 16, &plan) || !take_hex(&at, false, 16, &unit) || !take_hex(&at, false, 16, &size) ||
        !take_hex(&at, false, 8, &crc) || !take_hex(&at, false, 8, &flags) || *at) {
        ++*r->n_damaged;
        return MT_OK;
    }
    if (plan != r->plan)
        return refuse(r, name, err);
    return r->visit(r->user, &(mt_unit_record) { unit, size, (uint32_t)crc, (uint32_t)flags }, err);
}

static bool has_prefix(const char *name, const char *prefix) { return strncmp(name, prefix, strlen(prefix)) == 0; }

static mt_status read_entry(void *user, const char *name, mt_error *err)
{
    const reading *r = user;
    if (has_prefix(name, file_prefix) && mt_target_has_files(r->target))
        return read_file(r, name, err);
    return has_prefix(name, marker_prefix) ? read_marker(r, name, err) : MT_OK;
}

mt_status mt_journal_read(mt_target *target, uint64_t plan, bool may_grow, mt_journal_visit visit, void *user,
                          uint64_t *n_damaged, mt_error *err)
{
    reading r = { target, plan, may_grow, visit, user, n_damaged, NULL };
    void *block;
    *n_damaged = 0;
    mt_status st = mt_alloc(target->env, BLOCK, &block, err);
    if (st)
        return st;
    r.block = block;
    st = mt_target_list(target, MT_JOURNAL_FOLDER, read_entry, &r, err);
    mt_release(target->env, block, BLOCK);
    return st;
}

enum { MOST_REMOVED = 512 };

/* Keys that are to be removed together. */
typedef struct removal {
    mt_target *target;
    bool with_texts;
    size_t n;
    const char *keys[MOST_REMOVED];
    char storage[MOST_REMOVED][KEY_BYTES + sizeof MT_JOURNAL_FOLDER];
} removal;

static mt_status remove_noted(removal *r, mt_error *err)
{
    size_t n = r->n;
    r->n = 0;
    return mt_target_remove_all(r->target, r->keys, n, err);
}

static mt_status note_removal(void *user, const char *name, mt_error *err)
{
    removal *r = user;
    bool is_ours = has_prefix(name, file_prefix) || has_prefix(name, marker_prefix) ||
                   has_prefix(name, MT_SHARE_PREFIX) || strcmp(name, MT_SEAL_NAME) == 0 ||
                   (r->with_texts && has_prefix(name, MT_KEPT_PREFIX));
    if (!is_ours)
        return MT_OK;
    snprintf(r->storage[r->n], sizeof *r->storage, "%s/%.*s", MT_JOURNAL_FOLDER, KEY_BYTES - 1, name);
    r->keys[r->n] = r->storage[r->n];
    return ++r->n == MOST_REMOVED ? remove_noted(r, err) : MT_OK;
}

static mt_status remove_entries(mt_target *target, bool with_texts, mt_error *err)
{
    void *memory;
    mt_status st = mt_alloc(target->env, sizeof(removal), &memory, err);
    if (st)
        return st;
    removal *r = memory;
    r->target = target;
    r->with_texts = with_texts;
    r->n = 0;
    st = mt_target_list(target, MT_JOURNAL_FOLDER, note_removal, r, err);
    if (!st)
        st = remove_noted(r, err);
    mt_release(target->env, memory, sizeof(removal));
    return st;
}

mt_status mt_journal_remove(mt_target *target, mt_error *err) { return remove_entries(target, true, err); }

mt_status mt_journal_forget(mt_target *target, mt_error *err) { return remove_entries(target, false, err); }

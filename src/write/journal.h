/* SPDX-License-Identifier: BSD-3-Clause */
/* The journal of an output: which units (chunks or shards) are published. It lies in the folder ".microtome" of the
 * target. Each writer has a file of its own, to which it adds a record for each unit; readers unite the files. In an
 * object store, where nothing grows, each record is an empty object whose name says all.
 *
 * A record that is missing or damaged means that the unit is not done: work is repeated, and nothing is lost. So the
 * journal is synced only when it is closed. The opposite, a record without its object, is possible after a power cut:
 * the device may keep the record and lose the name of an object that is only a little older. Who resumes therefore looks
 * for each object and compares its size; without MT_UNIT_SYNCED its contents, too.
 *
 * A file is a head of 32 bytes and slots of 32 bytes, all numbers little-endian:
 *     head: "mtunits\n", version u32, 0 u32, plan u64, 0 u32, CRC-32C of the 28 bytes before
 *     slot: unit u64, size u64, CRC of the object u32, flags u32, its number in the file u32, CRC-32C of the plan and of
 *           the 28 bytes before */
#ifndef MT_WRITE_JOURNAL_H
#define MT_WRITE_JOURNAL_H

#include "store/target.h"

#define MT_JOURNAL_FOLDER ".microtome"
#define MT_KEPT_PREFIX "kept-"   /* of the objects of mt_writer_keep */
#define MT_SHARE_PREFIX "claim-" /* of the claims of write/share.h, which are removed with the journals */
#define MT_SEAL_NAME "sealed"    /* of the mark of mt_writer_seal, which is removed with the journals */

enum {
    MT_UNIT_EMPTY = 1, /* nothing was published: all pixels have the fill value */
    /* set by mt_journal_add: the object was on the device, and survives a power cut whole or not at all */
    MT_UNIT_SYNCED = 2
};

typedef struct mt_unit_record {
    uint64_t unit; /* its number in the plan */
    uint64_t size; /* bytes of the object */
    uint32_t crc;  /* CRC-32C of the object */
    uint32_t flags;
} mt_unit_record;

typedef struct mt_journal mt_journal;

/* Starts the journal of one writer. plan is the digest of what determines the units and their contents. The target must
 * outlive it. */
MT_MUST_CHECK mt_status mt_journal_new(mt_target *target, uint64_t plan, mt_journal **out, mt_error *err);

/* Adds a unit, after its object was published. Thread-safe. After a failure the unit may or may not be in the journal,
 * and others may be added. */
MT_MUST_CHECK mt_status mt_journal_add(mt_journal *journal, const mt_unit_record *record, mt_error *err);

/* Frees the journal, also on failure. NULL is allowed. */
MT_MUST_CHECK mt_status mt_journal_close(mt_journal *journal, mt_error *err);

/* Visits the records of all writers, those at work included. A unit may come more than once. *n_damaged counts records
 * and heads that were skipped because they are incomplete or damaged; with may_grow, for who only looks while others
 * write, those that are incomplete or not written yet are left out. MT_E_ARGUMENT: a journal belongs to another plan.
 * Stops at the first failure of visit and returns it. */
typedef mt_status (*mt_journal_visit)(void *user, const mt_unit_record *record, mt_error *err);
MT_MUST_CHECK mt_status mt_journal_read(mt_target *target, uint64_t plan, bool may_grow, mt_journal_visit visit,
                                        void *user, uint64_t *n_damaged, mt_error *err);

/* Removes the journals of all writers, of any plan; not the texts that are kept. */
MT_MUST_CHECK mt_status mt_journal_forget(mt_target *target, mt_error *err);

/* Removes these, and the texts that are kept. */
MT_MUST_CHECK mt_status mt_journal_remove(mt_target *target, mt_error *err);

#endif

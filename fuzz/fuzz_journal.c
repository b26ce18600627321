/* SPDX-License-Identifier: BSD-3-Clause */
/* A journal: the input is the file, as it is and with a good head in place of its first bytes. */
#include "outcome.h"

#include "codec/codec.h"
#include "write/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 32, MOST = 1 << 16 };

static char folder[] = "/tmp/microtome-fuzz-journal-XXXXXX";

static void remove_folder(void)
{
    char path[sizeof folder + 32];
    snprintf(path, sizeof path, "%s/" MT_JOURNAL_FOLDER, folder);
    rmdir(path);
    rmdir(folder);
}

static mt_status count(void *user, const mt_unit_record *record, mt_error *err)
{
    (void)err;
    const uint64_t numbers[] = { record->unit, record->size, record->crc, record->flags };
    for (int i = 0; i < 4; i++)
        outcome_number((int64_t)numbers[i]);
    ++*(uint64_t *)user;
    return MT_OK;
}

static void read_journal(mt_target *target, const uint8_t *data, size_t size)
{
    uint64_t n = 0, n_damaged = 0;
    mt_error err = MT_ERROR_INIT;
    if (mt_target_publish(target, MT_JOURNAL_FOLDER "/journal-fuzz", &(mt_piece) { data, size }, 1, NULL))
        return;
    mt_status st = mt_journal_read(target, 1, false, count, &n, &n_damaged, &err);
    outcome_status(st, NULL); /* the message names the folder */
    outcome_number((int64_t)n_damaged);
    if ((st && !*err.message) || n + n_damaged > size / HEAD + 1)
        __builtin_trap();
    if (mt_journal_remove(target, NULL))
        __builtin_trap();
}

static void with_head(mt_target *target, const uint8_t *data, size_t size)
{
    static uint8_t bytes[MOST];
    memset(bytes, 0, HEAD);
    memcpy(bytes, "mtunits\n", 8);
    bytes[8] = bytes[16] = 1;
    uint32_t crc = mt_crc32c(bytes, 28);
    for (int i = 0; i < 4; i++)
        bytes[28 + i] = (uint8_t)(crc >> 8 * i);
    memcpy(bytes + HEAD, data + HEAD, size - HEAD);
    read_journal(target, bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int has_folder;
    mt_env env;
    mt_target *target;
    if (!has_folder) {
        if (!mkdtemp(folder))
            return 0;
        has_folder = 1;
        atexit(remove_folder);
    }
    mt_env_init(&env, NULL, NULL);
    if (mt_target_open(&env, folder, MT_SYNC_NONE, &target, NULL))
        return 0;
    read_journal(target, data, size);
    if (size >= HEAD && size <= MOST)
        with_head(target, data, size);
    mt_target_close(target);
    return 0;
}

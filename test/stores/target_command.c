/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets for the tests with real servers: target_command TARGET COMMAND..., where COMMAND is
 *     put KEY FILE | parts KEY FILE BYTES | new KEY TEXT | get KEY LIMIT | size KEY | remove KEY | list PREFIX
 *     add PLAN FIRST N | read PLAN | forget
 * the last three of a journal. Prints what it finds. */
#include "engine/context.h"
#include "store/s3/parts.h"
#include "write/journal.h"

#include <microtome/microtome.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 100000, MOST_PIECES = 1000 };

static mt_status put(mt_target *target, char **words, mt_error *err)
{
    static mt_piece pieces[MOST_PIECES];
    size_t n = 0, size;
    FILE *file = fopen(words[1], "rb");
    mt_status st = MT_OK;
    do {
        char *bytes = malloc(PIECE);
        size = file && bytes && n < MOST_PIECES ? fread(bytes, 1, PIECE, file) : 0;
        if (size > 0)
            pieces[n++] = (mt_piece) { bytes, size };
        else
            free(bytes);
    } while (size > 0);
    st = mt_target_publish(target, words[0], pieces, n, err);
    while (n > 0)
        free((void *)(uintptr_t)pieces[--n].bytes);
    if (file)
        fclose(file);
    return st;
}

/* In parts of so many bytes. */
static mt_status put_parts(mt_target *target, char **words, mt_error *err)
{
    uint64_t bytes = strtoull(words[2], NULL, 10);
    mt_s3_target_set_sizes(target, bytes, bytes);
    return put(target, words, err);
}

static mt_status make_new(mt_target *target, char **words, mt_error *err)
{
    bool made;
    mt_status st = mt_target_make_new(target, words[0], &(mt_piece) { words[1], strlen(words[1]) }, 1, &made, err);
    if (!st)
        puts(made ? "made" : "exists");
    return st;
}

static mt_status get(mt_target *target, char **words, mt_error *err)
{
    mt_arena *arena;
    char *text;
    size_t size;
    mt_status st = mt_arena_new(target->env, &arena, err);
    if (st)
        return st;
    if (!(st = mt_target_load(target, words[0], strtoul(words[1], NULL, 10), arena, &text, &size, err)))
        fwrite(text, 1, size, stdout);
    mt_arena_free(arena);
    return st;
}

static mt_status measure(mt_target *target, char **words, mt_error *err)
{
    uint64_t size;
    mt_status st = mt_target_measure(target, words[0], &size, err);
    if (!st)
        printf("%llu\n", (unsigned long long)size);
    return st;
}

static mt_status delete (mt_target *target, char **words, mt_error *err)
{
    return mt_target_remove(target, words[0], err);
}

static mt_status print_name(void *user, const char *name, mt_error *err)
{
    (void)user, (void)err;
    puts(name);
    return MT_OK;
}

static mt_status list(mt_target *target, char **words, mt_error *err)
{
    return mt_target_list(target, words[0], print_name, NULL, err);
}

static mt_status add(mt_target *target, char **words, mt_error *err)
{
    mt_journal *journal;
    uint64_t first = strtoull(words[1], NULL, 10), n = strtoull(words[2], NULL, 10);
    mt_status st = mt_journal_new(target, strtoull(words[0], NULL, 10), &journal, err);
    if (st)
        return st;
    for (uint64_t i = first; !st && i < first + n; i++)
        st = mt_journal_add(journal, &(mt_unit_record) { i, 10 * i, (uint32_t)(7 * i), 0 }, err);
    mt_status closed = mt_journal_close(journal, st ? NULL : err);
    return st ? st : closed;
}

static mt_status print_record(void *user, const mt_unit_record *r, mt_error *err)
{
    (void)user, (void)err;
    printf("%llu %llu %lu %lu\n", (unsigned long long)r->unit, (unsigned long long)r->size, (unsigned long)r->crc,
           (unsigned long)r->flags);
    return MT_OK;
}

static mt_status read_journal(mt_target *target, char **words, mt_error *err)
{
    uint64_t n_damaged;
    mt_status st = mt_journal_read(target, strtoull(words[0], NULL, 10), false, print_record, NULL, &n_damaged, err);
    return st || n_damaged == 0 ? st : mt_fail(err, MT_E_CORRUPT, "damaged records");
}

static mt_status forget(mt_target *target, char **words, mt_error *err)
{
    (void)words;
    return mt_journal_remove(target, err);
}

static const struct command {
    const char *name;
    int n_words;
    mt_status (*run)(mt_target *target, char **words, mt_error *err);
} commands[] = { { "put", 2, put },           { "parts", 3, put_parts }, { "new", 2, make_new }, { "get", 2, get },
                 { "size", 1, measure },      { "remove", 1, delete },   { "list", 1, list },    { "add", 3, add },
                 { "read", 1, read_journal }, { "forget", 0, forget } };

static const struct command *find_command(int n, char **words)
{
    for (size_t i = 0; n > 2 && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, words[2]) == 0 && n == 3 + commands[i].n_words)
            return &commands[i];
    return NULL;
}

int main(int n, char **words)
{
    const struct command *command = find_command(n, words);
    mt_context_options options = { .struct_size = sizeof options };
    mt_error err = MT_ERROR_INIT;
    mt_context *context;
    mt_target *target;
    if (!command)
        return 2;
    mt_status st = mt_context_new(&options, &context, &err);
    if (st)
        return 2;
    st = mt_target_open(&context->env, words[1], MT_SYNC_SHARDS, &target, &err);
    if (!st)
        st = command->run(target, words + 3, &err);
    mt_target_close(target);
    mt_context_free(context);
    if (st)
        fprintf(stderr, "%s %s\n", mt_status_name(st), err.message);
    return st != MT_OK;
}

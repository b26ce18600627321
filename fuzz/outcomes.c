/* SPDX-License-Identifier: BSD-3-Clause */
/* The outcomes of damaged inputs. A table has a line for each seed: its file, how many of its places are damaged, the
 * number of inputs that this makes, how many of them give no error, and a digest of all outcomes. A new line may end after
 * the places. The file is relative to the source folder, or to the folder of test data if it begins with "data/".
 * "FILE@HEX" puts the bytes HEX before the file. "random@HEX" stands for as many inputs as it has places, of bytes that
 * follow from HEX. */
#include "outcome.h"
#include "replay.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct line {
    char file[512];
    size_t places, inputs, good;
    uint64_t digest;
} line;

/* The notes of the current input. */
static struct {
    uint64_t digest;
    bool decided, good; /* good: each status is MT_OK */
    bool shown;
} outcome;

/* FNV-1a. */
static uint64_t mix(uint64_t digest, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        digest = (digest ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return digest;
}

static const uint64_t start = 0xcbf29ce484222325;

static void add(const void *bytes, size_t n) { outcome.digest = mix(outcome.digest, bytes, n); }

void outcome_number(int64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> 8 * i);
    add(bytes, sizeof bytes);
    if (outcome.shown)
        printf(" %" PRId64, number);
}

void outcome_real(double number)
{
    uint64_t bits = 1; /* of any NaN */
    if (number == number)
        memcpy(&bits, &number, sizeof bits);
    bool shown = outcome.shown;
    outcome.shown = false;
    outcome_number((int64_t)bits);
    outcome.shown = shown;
    if (shown)
        printf(" %.17g", number);
}

void outcome_text(const char *text)
{
    add(text ? text : "", text ? strlen(text) + 1 : 1);
    if (outcome.shown)
        printf(" \"%s\"", text ? text : "");
}

void outcome_bytes(const void *bytes, size_t n)
{
    add(bytes, n);
    if (outcome.shown)
        printf(" %zu:%016" PRIx64, n, mix(start, bytes, n));
}

mt_status outcome_status(mt_status status, const mt_error *err)
{
    outcome_text(mt_status_name(status));
    if (status && err)
        outcome_text(err->message);
    outcome.good = (outcome.good || !outcome.decided) && status == MT_OK;
    outcome.decided = true;
    return status;
}

/* Replaces a byte, removes one, or cuts before it. */
enum { INTACT, CUT, REMOVED, MORE, LESS, ZERO, ONES, FLIPPED, HALVED, DOUBLED, CHANGES };
static const char *const change_names[] = {
    "intact", "cut", "removed", "+1", "-1", "0", "255", "^128", "half", "twice"
};

static uint8_t replace(int change, uint8_t byte)
{
    const uint8_t by[CHANGES] = {
        [MORE] = (uint8_t)(byte + 1), [LESS] = (uint8_t)(byte - 1), [ONES] = 255,
        [FLIPPED] = byte ^ 128,       [HALVED] = byte / 2,          [DOUBLED] = (uint8_t)(2 * byte)
    };
    return by[change];
}

static void run(line *l, const uint8_t *seed, size_t size, size_t place, int change)
{
    size_t n = change == CUT ? place : change == REMOVED ? size - 1 : size;
    uint8_t *data = malloc(n ? n : 1); /* of exact size */
    if (!data)
        abort();
    if (n)
        memcpy(data, seed, n);
    if (change == REMOVED)
        memmove(data + place, seed + place + 1, n - place);
    else if (change > REMOVED)
        data[place] = replace(change, seed[place]);
    if (outcome.shown)
        printf("%s %zu %s:", l->file, place, change_names[change]);
    outcome.decided = outcome.good = false;
    LLVMFuzzerTestOneInput(data, n);
    l->inputs++;
    l->good += outcome.good;
    if (outcome.shown)
        printf("\n");
    free(data);
}

/* The ith of n places: half of them are the first, a quarter the last, the others are spread. */
static size_t find_place(size_t i, size_t n, size_t size)
{
    size_t first = n / 2, last = n / 4, spread = n - first - last;
    if (size <= n || i < first)
        return i;
    if (i >= n - last)
        return size - (n - i);
    return first + (i - first) * (size - first - last) / spread;
}

static void damage(line *l, const uint8_t *seed, size_t size)
{
    size_t n = l->places < size ? l->places : size;
    bool is_text = !memchr(seed, 0, size);
    l->inputs = l->good = 0;
    outcome.digest = start;
    run(l, seed, size, 0, INTACT);
    for (size_t i = 0; i < n; i++) {
        size_t place = find_place(i, n, size);
        for (int change = CUT; change < CHANGES; change++)
            if ((change != REMOVED || is_text) && (change < MORE || replace(change, seed[place]) != seed[place]))
                run(l, seed, size, place, change);
    }
    l->digest = outcome.digest;
}

/* Runs inputs of MOST_RANDOM / 4 to MOST_RANDOM bytes of xorshift64. */
enum { MOST_RANDOM = 256 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void invent(line *l, uint64_t state)
{
    uint8_t data[MOST_RANDOM];
    l->inputs = l->good = 0;
    outcome.digest = start;
    for (size_t i = 0; i < l->places; i++) {
        size_t size = MOST_RANDOM / 4 + (size_t)((next_random(&state) >> 32) % (MOST_RANDOM * 3 / 4 + 1));
        for (size_t k = 0; k < size; k++)
            data[k] = (uint8_t)(next_random(&state) >> 32);
        run(l, data, size, i, INTACT);
    }
    l->digest = outcome.digest;
}

static int hex(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

/* NULL if the file is missing. */
static uint8_t *read_seed(const char *name, const char *source_folder, size_t *size)
{
    char path[4096], fallback[2048];
    const char *root = getenv("MICROTOME_TEST_DATA"), *at = strchr(name, '@');
    int length = (int)(at ? (size_t)(at - name) : strlen(name));
    snprintf(fallback, sizeof fallback, "%s/../shared/data", source_folder);
    if (strncmp(name, "data/", 5) == 0)
        snprintf(path, sizeof path, "%s/%.*s", root && *root ? root : fallback, length - 5, name + 5);
    else
        snprintf(path, sizeof path, "%s/%.*s", source_folder, length, name);
    size_t head = at ? strlen(at + 1) / 2 : 0;
    uint8_t *file = access(path, F_OK) ? NULL : read_file(path, size), *data = file ? malloc(head + *size + 1) : NULL;
    for (size_t i = 0; data && i < head; i++)
        data[i] = (uint8_t)(16 * hex(at[1 + 2 * i]) + hex(at[2 + 2 * i]));
    if (data)
        memcpy(data + head, file, *size);
    *size += head;
    free(file);
    return data;
}

static void write_line(char *text, size_t room, const line *l)
{
    snprintf(text, room, "%s %zu %zu %zu %016" PRIx64 "\n", l->file, l->places, l->inputs, l->good, l->digest);
}

/* Computes a line of a table again. False if its file is missing: fresh is then the line as it was. */
static bool renew(const char *text, const char *source_folder, char *fresh, size_t room)
{
    size_t size = 0;
    int64_t places;
    line l = { .file = "" };
    const char *end = strchr(text, ' ');
    snprintf(fresh, room, "%s", text);
    if (!end || !mt_parse_integer(&end, &places))
        return false;
    snprintf(l.file, sizeof l.file, "%.*s", (int)strcspn(text, " "), text);
    l.places = (size_t)places;
    uint8_t *seed = NULL;
    bool is_random = strncmp(l.file, "random@", 7) == 0;
    if (is_random)
        invent(&l, mix(start, l.file, strlen(l.file)));
    else if ((seed = read_seed(l.file, source_folder, &size)))
        damage(&l, seed, size);
    if (is_random || seed)
        write_line(fresh, room, &l);
    free(seed);
    return is_random || seed;
}

/* Returns the number of lines that differ. */
static int check_lines(FILE *table, const char *source_folder, FILE *out)
{
    char was[1024], is[1024];
    int n = 0, n_missing = 0;
    while (fgets(was, sizeof was, table)) {
        n_missing += !renew(was, source_folder, is, sizeof is);
        bool differs = strcmp(was, is) != 0;
        if (differs && !outcome.shown)
            printf("was: %snow: %s", was, is);
        if (out)
            fputs(is, out);
        n += differs;
    }
    if (n_missing)
        printf("[  SKIPPED ] outcomes_of_missing_files\n%d files\n", n_missing);
    return n;
}

int check_outcomes(const char *path, const char *source_folder, const char *how)
{
    char fresh[4096];
    FILE *table = fopen(path, "r"), *out = NULL;
    bool writes = strcmp(how, "write") == 0;
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (!table || (writes && !(out = fopen(fresh, "w")))) {
        perror(table ? fresh : path);
        return 1;
    }
    outcome.shown = strcmp(how, "show") == 0;
    int n = check_lines(table, source_folder, out);
    fclose(table);
    if (out && (fclose(out) || rename(fresh, path))) {
        perror(path);
        return 1;
    }
    return n > 0 && !writes && !outcome.shown;
}

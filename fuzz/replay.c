/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target without libFuzzer on an empty input and on all files in the given folders, not in folders below. A
 * folder need not exist. Or: --outcomes TABLE SOURCE_FOLDER [write|show], see outcomes.c. */
#include "replay.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        return NULL;
    }
    long n = ftell(file);
    rewind(file);
    /* An exact allocation lets sanitizers detect reads past the end. */
    uint8_t *data = malloc(n > 0 ? (size_t)n : 1);
    if (!data || n < 0 || fread(data, 1, (size_t)n, file) != (size_t)n) {
        perror(path);
        free(data);
        data = NULL;
    }
    fclose(file);
    *size = (size_t)n;
    return data;
}

static int replay(const char *path)
{
    size_t size;
    uint8_t *data = read_file(path, &size);
    if (data)
        LLVMFuzzerTestOneInput(data, size);
    free(data);
    return data != NULL;
}

static int replay_folders(char **folders, int n_folders)
{
    int n = 0;
    LLVMFuzzerTestOneInput(NULL, 0);
    for (int i = 0; i < n_folders; i++) {
        DIR *folder = opendir(folders[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", folders[i], entry->d_name);
            if (is_folder(path))
                continue;
            if (!replay(path))
                return 1;
            n++;
        }
        if (folder)
            closedir(folder);
    }
    printf("%d files replayed\n", n);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--outcomes") == 0)
        return check_outcomes(argv[2], argv[3], argc > 4 ? argv[4] : "");
    if (argc > 1 && argv[1][0] == '-') {
        fprintf(stderr, "usage: %s FOLDER... | --outcomes TABLE SOURCE_FOLDER [write|show]\n", argv[0]);
        return 1;
    }
    return replay_folders(argv + 1, argc - 1);
}

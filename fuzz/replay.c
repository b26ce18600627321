/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target without libFuzzer on an empty input and on all files in the given folders, not in folders below. A
 * folder need not exist. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END)) {
        perror(path);
        return 0;
    }
    long size = ftell(file);
    rewind(file);
    /* An exact allocation lets sanitizers detect reads past the end. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    int ok = data && size >= 0 && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        perror(path);
    free(data);
    fclose(file);
    return ok;
}

int main(int argc, char **argv)
{
    int n = 0;
    LLVMFuzzerTestOneInput(NULL, 0);
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        for (struct dirent *entry; folder && (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
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

/* SPDX-License-Identifier: BSD-3-Clause */
#include "platform/process.h"

#include "base/fnv.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat, in clock ticks since the system started: proc(5). The name of the program, field 2, may
 * hold blanks and parentheses. */
static int64_t find_start(int64_t number)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)number);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoll(at, NULL, 10) : 0;
}

/* A digest of the first line of a file, a UUID; 0: there is none. */
static int64_t digest_line(const char *path)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t n = fgets(text, sizeof text, file) ? strcspn(text, "\n") : 0;
    fclose(file);
    return n < 32 ? 0 : (int64_t)(mt_fnv_add(MT_FNV_START, text, n) & INT64_MAX);
}

void mt_process_get(mt_process *out)
{
    struct stat space;
    *out = (mt_process) { .number = (int64_t)getpid() };
    if (gethostname(out->host, sizeof out->host - 1) != 0 || !*out->host)
        snprintf(out->host, sizeof out->host, "host");
    for (char *c = out->host; *c; c++)
        if (!isgraph((unsigned char)*c))
            *c = '_';
    out->machine = digest_line("/etc/machine-id"); /* machine-id(5); containers mostly have none */
    out->boot = digest_line("/proc/sys/kernel/random/boot_id");
    if (stat("/proc/self/ns/pid", &space) == 0)
        out->space = (int64_t)space.st_ino;
    out->started = find_start(out->number);
}

bool mt_process_has_ended(const mt_process *process)
{
    mt_process own;
    mt_process_get(&own);
    if (strcmp(own.host, process->host) != 0)
        return false;
    if (own.boot != process->boot)
        return own.machine != 0 && own.machine == process->machine;
    if (own.space != process->space || process->number <= 0)
        return false;
    if (kill((pid_t)process->number, 0) != 0 && errno == ESRCH)
        return true;
    int64_t started = find_start(process->number);
    return started > 0 && process->started > 0 && started != process->started;
}

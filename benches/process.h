/* CPU time and memory of another process, read from /proc. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "bench.h"

#include <dirent.h>
#include <stdbool.h>

/* CPU seconds of all its threads, or of the first one only. schedstat counts nanoseconds; stat counts
 * clock ticks of 10 ms. */
static double process_cpu(int pid, bool first_thread_only)
{
    char path[300];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        die("%s cannot be read", path);
    double total = 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || (first_thread_only && atoi(task->d_name) != pid))
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.20s/schedstat", pid, task->d_name);
        FILE *file = fopen(path, "r");
        double nanoseconds = 0;
        if (file == NULL || fscanf(file, "%lf", &nanoseconds) != 1)
            die("%s cannot be read", path);
        fclose(file);
        total += nanoseconds / 1e9;
    }
    closedir(tasks);
    return total;
}

static long process_rss_kib(int pid)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("%s cannot be read", path);
    while (kib < 0 && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmRSS: %ld", &kib);
    fclose(file);
    return kib;
}

#endif

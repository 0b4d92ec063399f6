/* What the relay and its child processes use, from /proc. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PIDS = 64 };

static int pids[MOST_PIDS], n_pids;

static void find_pids(int relay) {
    n_pids = 1;
    pids[0] = relay;
    for (int i = 0; i < n_pids; i++) {
        char path[64];
        int child;
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pids[i], pids[i]);
        FILE *f = fopen(path, "r");
        while (f && n_pids < MOST_PIDS && fscanf(f, "%d", &child) == 1) pids[n_pids++] = child;
        if (f) fclose(f);
    }
}

static int64_t cpu_used(void) {
    int64_t sum = 0;
    for (int i = 0; i < n_pids; i++) {
        clockid_t clock;
        struct timespec t;
        if (!clock_getcpuclockid(pids[i], &clock) && !clock_gettime(clock, &t)) sum += t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    }
    return sum;
}

static long long number_in(const char *file, int pid, const char *format) {
    char path[64];
    long long number = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, format, &number) != 1) number = 0;
    if (f) fclose(f);
    return number;
}

static int64_t waited(void) { return number_in("schedstat", pids[0], "%*d %lld"); }

static int64_t resident_kib(void) {
    int64_t pages = 0;
    for (int i = 0; i < n_pids; i++) pages += number_in("statm", pids[i], "%*d %lld");
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

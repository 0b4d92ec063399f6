/* The clock, and times, counted: percentiles to 0.01 ms without keeping a list. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * S + t.tv_nsec;
}

enum { FINE = 200000, BINS = FINE + 6000 }; /* of 0.01 ms up to 2 s, of 10 ms up to 62 s */

typedef struct {
    uint32_t bin[BINS];
    int64_t n, longest;
} Times;

static void count_time(Times *t, int64_t ns) {
    if (ns < 0) ns = 0;
    int64_t fine = ns / (MS / 100), at = fine < FINE ? fine : FINE + (fine - FINE) / 1000;
    t->bin[at < BINS ? at : BINS - 1]++;
    t->n++;
    if (ns > t->longest) t->longest = ns;
}

static double quantile_ms(const Times *t, double q) {
    int64_t wanted = (int64_t)(q * (double)t->n), seen = 0;
    for (int i = 0; i < BINS; i++)
        if ((seen += t->bin[i]) > wanted) return i < FINE ? i / 100.0 : FINE / 100.0 + (i - FINE) * 10.0;
    return t->longest / (double)MS;
}

static void print_times(const Times *t) {
    printf("\"p50_ms\":%.2f,\"p95_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f", quantile_ms(t, .5),
           quantile_ms(t, .95), quantile_ms(t, .99), t->longest / (double)MS);
}

/* The options of a run; see load.c. */
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 2000 };

static struct {
    double calls, seconds, warm_s, burst, ahead_ms, churn, life_s, turns_s, strangers, relay_port, endpoint_port, relay_pid;
    const char *asterisk; /* the media format, or NULL for AVR Core */
} opt = {.calls = 10, .seconds = 10, .warm_s = 2, .burst = 1, .ahead_ms = 300, .life_s = 2};

static void read_options(int argc, char **argv) {
    const struct {
        const char *name;
        double *value, least, most;
    } known[] = {
        {"--relay-port", &opt.relay_port, 1, 65535}, {"--endpoint-port", &opt.endpoint_port, 1, 65535},
        {"--relay-pid", &opt.relay_pid, 1, 1e9},     {"--calls", &opt.calls, 1, MOST_CALLS},
        {"--seconds", &opt.seconds, 0.1, 600},       {"--warm-s", &opt.warm_s, 0, 60},
        {"--burst", &opt.burst, 1, 50},              {"--ahead-ms", &opt.ahead_ms, 0, 10000},
        {"--churn", &opt.churn, 0, 100},             {"--life-s", &opt.life_s, 0.2, 60},
        {"--turns-s", &opt.turns_s, 0, 600},
        {"--strangers", &opt.strangers, 0, 1},
    };
    for (int i = 1; i < argc; i += 2) {
        bool found = !strcmp(argv[i], "--asterisk") && i + 1 < argc;
        if (found) opt.asterisk = argv[i + 1];
        for (size_t k = 0; k < sizeof known / sizeof *known && i + 1 < argc; k++) {
            char *end;
            if (strcmp(argv[i], known[k].name)) continue;
            *known[k].value = strtod(argv[i + 1], &end);
            found = !*end && *known[k].value >= known[k].least && *known[k].value <= known[k].most;
        }
        if (!found) {
            fprintf(stderr, "load: what is %s?\n", argv[i]);
            exit(2);
        }
    }
    if (!opt.relay_port || !opt.endpoint_port || !opt.relay_pid) exit(2);
}

/* What Asterisk does with audio that it is sent: it queues it, plays a frame every 20 ms, and
 * tells of a mark when it comes to the frame behind it. A flush takes the marks with it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MOST_MARKS = 64, MOST_QUEUED_FRAMES = 1000, MARK_BYTES = 24 };

typedef struct {
    int64_t behind; /* so many frames */
    char id[MARK_BYTES];
} Mark;

typedef struct {
    bool answered;
    int64_t received, played; /* frames */
    Mark marks[MOST_MARKS];
    int64_t marked, reported;
} Queue;

static bool queue_frames(Queue *q, int64_t frames) { /* whether there was room */
    q->received += frames;
    return q->received - q->played <= MOST_QUEUED_FRAMES;
}

static bool queue_mark(Queue *q, const char *id, size_t n) {
    if (n >= MARK_BYTES || q->marked - q->reported == MOST_MARKS) return false;
    Mark *mark = &q->marks[q->marked++ % MOST_MARKS];
    mark->behind = q->received;
    memcpy(mark->id, id, n);
    mark->id[n] = 0;
    return true;
}

static void flush_queue(Queue *q) {
    q->received = q->played;
    q->marked = q->reported;
}

static const char *mark_passed(Queue *q) { /* NULL: none more before the next frame */
    if (q->reported == q->marked || q->marks[q->reported % MOST_MARKS].behind > q->played) return NULL;
    return q->marks[q->reported++ % MOST_MARKS].id;
}

static void play_frame(Queue *q) { q->played += q->received > q->played; }

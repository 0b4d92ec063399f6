/* load: N phone calls as AVR Core or Asterisk holds them, and the Realtime endpoint behind them.
 *
 *     callers, WebSocket clients ──> relay under test ──> endpoint, WebSocket server
 *     └──────────────── this process: one thread, one epoll, one clock ────────────┘
 *
 * What is sent. Every call sends 20 ms of audio every 20 ms and is sent 100 ms of audio
 * every 100 ms, or N times that at once every N times 100 ms (--burst N). The calls' phases
 * are spread evenly, so the relay has to wake up as often as in real life.
 *
 * What is measured. The audio is a count: each frame (20 ms) has two halves, each at one
 * of 16 levels, which say the frame's number modulo 240. Levels survive resampling and
 * companding, so every frame that comes out is recognised by its sound:
 *     latency     from the moment the message that held a frame was sent, to the moment
 *                 that the frame has arrived at the other end. A frame for a caller may be
 *                 paced: it is late only if it is also nearer to its turn to be heard than
 *                 --ahead-ms (300).
 *     lost        frames that never came, within the count or at its end
 *     repeated    frames that came again
 *     unreadable  levels that nobody sent
 *     gap         the longest time in which a call got no audio; 20 ms upwards and 100 ms
 *                 (times N) downwards are perfect
 *     CPU         of the relay and its child processes, user and system, in the window
 *     waited      how long the relay's main thread was ready to run and another process had
 *                 its core: a machine that is not quiet shows here
 *     late        how late this program itself was with its own sends (99 %)
 *     set-up      from connecting to the relay to its session.update, one call after the
 *                 other, nobody talking
 *     memory      resident, at the end of the window and before the first call
 * Then everybody hangs up; sockets that the relay has not closed 3 s later are counted.
 *
 * --asterisk F: the callers are Asterisk's, in one of its formats (slin24, slin16, slin, ulaw, alaw),
 * which dials the relay itself: samples are binary, and what was played is told. See load_asterisk.h.
 *
 * --turns-s T: after T s the agent ends what it says, the model hears the caller for a moment,
 * transcribes that and answers, as in a conversation; the caller is never silent.
 *
 * --churn R: R more calls arrive each second, talk from their init on and hang up after
 * --life-s; the figures stay those of the steady calls, which notice the others or not.
 *
 * --strangers 1: the relay may dial for calls that are not ours; those are refused with 503.
 *
 * How to read it: the result is one JSON object on standard output. Exit code 0 if it was
 * measured, 1 if not, 2 for wrong options. Build: gcc -O3 -o load load.c; load_*.h are its
 * parts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "load_asterisk.h"
#include "load_options.h"
#include "load_sound.h"
#include "load_times.h"
#include "load_usage.h"
#include "load_websocket.h"

#define NEVER INT64_MAX
#define FRAME (20 * MS)
#define DELTA (100 * MS)
#define PLAYED_OUT (1200 * MS) /* more than a relay is ahead of the caller's ear */
#define SPEECH (600 * MS)
enum { RING = 1024, IN_BYTES = 1 << 18, MOST_UNSENT = 1 << 20 };

static void quit(const char *why) {
    fprintf(stderr, "load: %s\n", why);
    exit(1);
}

/* ------------------------------------------------------------------ calls */

typedef struct Call Call;

typedef enum { TIMER, LISTENER, CALLER, ENDPOINT } Role;

typedef struct Conn {
    int fd;
    Role role;
    bool upgraded, closing, dead;
    Call *call;
    uint8_t *in, *out;
    size_t in_n, out_n;
    struct Conn *next_dead;
} Conn;

typedef struct { /* one direction of one call */
    int64_t sent_at[RING], last_at, longest_gap;
    int64_t begun_at, begun; /* when what is said now began, and with which frame */
    int64_t sent, next; /* frames: sent so far, and the number of the one to come */
    int64_t samples;    /* that have arrived */
    int symbol;         /* of the first half of the frame that is arriving */
} Stream;

struct Call {
    Conn *caller, *endpoint;
    bool steady, updated, responding, hung_up, talks;
    Format format;
    int64_t dialled_at, ends_at;
    Stream up, down;
    Queue queue; /* Asterisk's */
    enum { SPEAKS, HAS_SPOKEN, HEARS } agent;
    int turn; /* each has a response and two items of its own */
};

static Format line = PCM_8_KHZ; /* what callers send and are sent */
static Call *calls;
static int n_steady, n_slots;
static int64_t *frame_due, *delta_due; /* by call; NEVER while it does not talk */
static int64_t *play_due;              /* Asterisk's clock, by call; NEVER where there is none */
static int64_t *turn_due;              /* what comes next in a conversation; NEVER where nobody answers */
static int64_t window_from = NEVER, window_to = NEVER;
static Times latency[2], late, set_up, churn_set_up;
static int64_t lost[2], repeated[2], unreadable[2], odd_frames, errors, ended_early, interruptions;
static int64_t churned, churn_failed;
static bool hanging_up;

static void frame_arrived(Call *c, Stream *s, bool up, int number, int64_t t) {
    int ahead = (number - (int)(s->next % COUNT) + COUNT) % COUNT;
    if (ahead > COUNT / 2) {
        repeated[up]++;
        return;
    }
    int64_t frame = s->next + ahead, sent_at = s->sent_at[frame % RING], due = sent_at;
    if (frame >= s->sent) { /* from a future that nobody sent */
        unreadable[up]++;
        return;
    }
    lost[up] += ahead;
    s->next = frame + 1;
    if (!c->steady || sent_at < window_from || sent_at >= window_to) return;
    int64_t paced = s->begun_at + (frame - s->begun) * FRAME - (int64_t)(opt.ahead_ms * MS);
    if (!up && paced > due) due = paced;
    count_time(&latency[up], t - due);
    if (s->last_at > window_from && t - s->last_at > s->longest_gap) s->longest_gap = t - s->last_at;
    s->last_at = t;
}

/* Reads the level 1 ms behind the middle of each half: behind, for filters delay. */
static void audio_arrived(Call *c, bool up, Audio audio, int64_t t) {
    Stream *s = up ? &c->up : &c->down;
    Format f = up ? c->format : line;
    int64_t whole = frame_samples[f], begin = s->samples, end = begin + (int64_t)audio.bytes / sample_bytes[f];
    s->samples = end;
    for (int64_t half = begin / (whole / 2);; half++) {
        int64_t at = half * whole / 2 + whole / 4 + whole / 20;
        if (at >= end) return;
        if (at < begin) continue;
        int sample = sample_of(audio, f, (size_t)(at - begin)), symbol = symbol_of(sample);
        /* What a filter still held when the agent ended comes in a frame that is silent. */
        if (symbol < 0 && !(opt.turns_s && !up && abs(sample) < 400)) unreadable[up]++;
        if (half % 2 == 0) s->symbol = symbol;
        else if (symbol >= 0 && symbol < 15 && s->symbol >= 0) frame_arrived(c, s, up, s->symbol * 15 + symbol, t);
    }
}

/* ------------------------------------------------------------------ connections */

static int ep, timer_fd;
static Conn *graveyard;

static Conn *watch(int fd, Role role) {
    Conn *c = calloc(1, sizeof *c);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (!c || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)) quit("cannot watch a socket");
    c->fd = fd;
    c->role = role;
    if (role >= CALLER) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->in = malloc(IN_BYTES);
        c->out = malloc(MOST_UNSENT);
    }
    return c;
}

static void drop(Conn *c) {
    if (c->dead) return;
    c->dead = true;
    c->next_dead = graveyard;
    graveyard = c;
    close(c->fd);
    Call *call = c->call;
    if (!call) return;
    if (c->role == CALLER) call->caller = NULL;
    else call->endpoint = NULL;
    if (call->steady && !hanging_up) ended_early++;
    if (!call->steady && !call->hung_up) {
        call->hung_up = true;
        churn_failed++;
    }
    frame_due[call - calls] = delta_due[call - calls] = turn_due[call - calls] = NEVER;
    if (c->role == CALLER) play_due[call - calls] = NEVER;
}

static void bury(void) { /* no event of this turn can name them any more */
    while (graveyard) {
        Conn *c = graveyard;
        graveyard = c->next_dead;
        free(c->in);
        free(c->out);
        free(c);
    }
}

static void flush(Conn *c) {
    size_t gone = 0;
    while (gone < c->out_n) {
        ssize_t n = send(c->fd, c->out + gone, c->out_n - gone, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            drop(c);
            return;
        }
        if (n <= 0) break;
        gone += (size_t)n;
    }
    memmove(c->out, c->out + gone, c->out_n -= gone);
    struct epoll_event e = {.events = EPOLLIN | (c->out_n ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void put(Conn *c, const void *bytes, size_t n) {
    if (!c || c->dead) return;
    if (!c->out_n) {
        ssize_t gone = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (gone == (ssize_t)n) return;
        if (gone < 0 && errno != EAGAIN) {
            drop(c);
            return;
        }
        bytes = (const char *)bytes + (gone > 0 ? gone : 0);
        n -= (size_t)(gone > 0 ? gone : 0);
    }
    if (c->out_n + n > MOST_UNSENT) { /* a relay that has stopped reading */
        drop(c);
        return;
    }
    memcpy(c->out + c->out_n, bytes, n);
    c->out_n += n;
    flush(c);
}

/* ------------------------------------------------------------------ WebSocket */

static void say(Conn *c, int opcode, const void *payload, size_t n) {
    if (!c) return;
    Frame f = ws_frame(opcode, payload, n, c->role == CALLER);
    put(c, f.bytes, f.n);
    free(f.bytes);
}

static void say_text(Conn *c, const char *text) { say(c, TEXT, text, strlen(text)); }

static void say_goodbye(Conn *c) {
    static const uint8_t normal[] = {1000 >> 8, 1000 & 255};
    if (c && !c->closing) say(c, CLOSE, normal, sizeof normal);
    if (c) c->closing = true;
}

/* ------------------------------------------------------------------ a conversation */

#include "load_conversation.h"

static void take_turn(Call *c, int64_t t) {
    int64_t i = c - calls;
    switch (c->agent) {
    case SPEAKS:
        say_response_done(c->endpoint, c->turn);
        c->agent = HAS_SPOKEN;
        delta_due[i] = NEVER;
        turn_due[i] = t + PLAYED_OUT + DELTA * (int64_t)opt.burst;
        break;
    case HAS_SPOKEN: /* heard by now, so that nobody is interrupted */
        say_heard(c->endpoint, c->turn, "speech_started");
        c->agent = HEARS;
        turn_due[i] = t + SPEECH;
        break;
    case HEARS:
        say_heard(c->endpoint, c->turn, "speech_stopped");
        say_heard(c->endpoint, c->turn, "committed");
        say_words(c->endpoint, c->turn);
        c->turn = (c->turn + 1) % 10000;
        say_response(c->endpoint, c->turn);
        c->agent = SPEAKS;
        c->down.begun = c->down.sent;
        c->down.begun_at = c->down.last_at = t;
        delta_due[i] = t;
        turn_due[i] = t + (int64_t)(opt.turns_s * S);
        break;
    }
}

/* ------------------------------------------------------------------ what is sent */

static Frame caller_frames[COUNT], deltas[FORMATS][COUNT / FRAMES_PER_DELTA];

static void prepare(void) {
    static uint8_t audio[FRAMES_PER_DELTA * 960];
    static char coded[8000], text[9000];
    for (Format f = PCM_8_KHZ; opt.asterisk && f < FORMATS; f++)
        if (!strcmp(opt.asterisk, asterisk_name[f])) line = f;
    if (opt.asterisk && strcmp(opt.asterisk, asterisk_name[line])) quit("no such format of Asterisk's");
    memset(sextet, 0, sizeof sextet);
    for (int i = 0; i < 64; i++) sextet[(uint8_t)alphabet[i]] = (uint8_t)i;
    fill_g711();
    for (int n = 0; n < COUNT; n++) {
        size_t bytes = count_aloud(audio, line, n, 1);
        if (opt.asterisk) {
            caller_frames[n] = ws_frame(BINARY, audio, bytes, true);
            continue;
        }
        base64(coded, audio, bytes);
        int size = sprintf(text, "{\"type\":\"audio\",\"audio\":\"%s\"}", coded);
        caller_frames[n] = ws_frame(TEXT, text, (size_t)size, true);
    }
    for (Format f = PCM; f < FORMATS; f++)
        for (int n = 0; n < COUNT / FRAMES_PER_DELTA; n++) {
            base64(coded, audio, count_aloud(audio, f, n * FRAMES_PER_DELTA, FRAMES_PER_DELTA));
            int size = sprintf(text,
                               "{\"type\":\"response.output_audio.delta\",\"event_id\":\"event_delta_%d\","
                               "\"response_id\":\"resp_load_0000\",\"item_id\":\"item_load_0000\",\"output_index\":0,"
                               "\"content_index\":0,\"delta\":\"%s\"}",
                               n, coded);
            deltas[f][n] = ws_frame(TEXT, text, (size_t)size, false);
        }
}

static void send_frame(Call *c, int64_t t) {
    Frame *f = &caller_frames[c->up.sent % COUNT];
    c->up.sent_at[c->up.sent++ % RING] = t;
    put(c->caller, f->bytes, f->n);
}

static void write_turn(Frame *f, const char *before, int turn) {
    char *at = memmem(f->bytes, f->n < 300 ? f->n : 300, before, strlen(before));
    for (int k = 3; k >= 0; k--, turn /= 10) at[10 + k] = (char)('0' + turn % 10);
}

static void send_delta(Call *c, int64_t t) {
    Frame *f = &deltas[c->format][c->down.sent / FRAMES_PER_DELTA % (COUNT / FRAMES_PER_DELTA)];
    if (!c->down.sent) c->down.begun_at = t;
    write_turn(f, "resp_load_", c->turn);
    write_turn(f, "item_load_", c->turn);
    for (int k = 0; k < FRAMES_PER_DELTA; k++) c->down.sent_at[c->down.sent++ % RING] = t;
    put(c->endpoint, f->bytes, f->n);
}

static void play(Conn *c, Queue *q) { /* a tick of Asterisk's clock */
    for (const char *id; (id = mark_passed(q));) {
        char event[120];
        snprintf(event, sizeof event, "{\"event\":\"MEDIA_MARK_PROCESSED\",\"channel_id\":\"load\",\"correlation_id\":\"%s\"}", id);
        say_text(c, event);
    }
    play_frame(q);
}

static int64_t send_due(void) { /* returns when more is due */
    int64_t next = NEVER, t = now();
    for (int i = 0; i < n_slots; i++) {
        if (frame_due[i] <= t) {
            count_time(&late, t - frame_due[i]);
            frame_due[i] += FRAME;
            send_frame(&calls[i], now());
        }
        if (delta_due[i] <= t) {
            count_time(&late, t - delta_due[i]);
            delta_due[i] += DELTA * (int64_t)opt.burst;
            for (int k = 0; k < (int)opt.burst && calls[i].endpoint; k++) send_delta(&calls[i], now());
        }
        if (play_due[i] <= t) {
            play_due[i] += FRAME;
            play(calls[i].caller, &calls[i].queue);
        }
        if (turn_due[i] <= t) take_turn(&calls[i], t);
        if (frame_due[i] < next) next = frame_due[i];
        if (turn_due[i] < next) next = turn_due[i];
        if (play_due[i] < next) next = play_due[i];
        if (delta_due[i] < next) next = delta_due[i];
    }
    return next;
}

/* ------------------------------------------------------------------ both peers' part */

/* What stands behind "key": in a message, if that is a string; NULL after the last. */
static const char *string_in(const char *text, size_t n, const char *key, size_t *chars) {
    const char *end = text + n, *at = text;
    while ((at = memmem(at, (size_t)(end - at), key, strlen(key)))) {
        at += strlen(key);
        while (at < end && *at == ' ') at++;
        if (at == end || *at++ != ':') continue;
        while (at < end && *at == ' ') at++;
        const char *close = at < end && *at == '"' ? memchr(at + 1, '"', (size_t)(end - at - 1)) : NULL;
        if (!close) continue;
        *chars = (size_t)(close - at - 1);
        return at + 1;
    }
    return NULL;
}

static bool says(const char *text, size_t n, const char *key, const char *value) {
    size_t chars;
    for (const char *end = text + n, *at = text; (at = string_in(at, (size_t)(end - at), key, &chars));)
        if (chars == strlen(value) && !memcmp(at, value, chars)) return true;
    return false;
}

static bool is_type(const char *text, size_t n, const char *type) { return says(text, n, "\"type\"", type); }

static void start_response(Call *c) {
    if (c->responding || !c->endpoint) return;
    c->responding = true;
    say_response(c->endpoint, c->turn);
}

static int64_t spread(int64_t i, int64_t period) { /* evenly, however many there are */
    double part = (double)i * 0.6180339887498949;
    return (int64_t)((part - (double)(int64_t)part) * (double)period);
}

static int64_t on_grid(int64_t t, int64_t i) { /* from t on; whenever they begin, frames come evenly */
    static int64_t begin;
    if (!begin) begin = t;
    int64_t phase = begin + spread(i, FRAME);
    return phase >= t ? phase : phase + (t - phase + FRAME - 1) / FRAME * FRAME;
}

static void start_talking(Call *c, int64_t t, bool caller, bool agent) {
    int64_t i = c - calls, period = DELTA * (int64_t)opt.burst;
    c->talks |= caller;
    if (caller && c->caller && (!opt.asterisk || c->queue.answered)) frame_due[i] = on_grid(t, i);
    if (!agent || !c->endpoint) return;
    delta_due[i] = t + spread(i * 7 + 3, period);
    if (opt.turns_s && c->steady) turn_due[i] = delta_due[i] + period + spread(i, (int64_t)(opt.turns_s * S));
}

static void say_session(Conn *c, const char *event, Format f) {
    char text[1000];
    snprintf(text, sizeof text,
             "{\"type\":\"%s\",\"event_id\":\"event_session\",\"session\":{\"type\":\"realtime\",\"object\":"
             "\"realtime.session\",\"id\":\"sess_load\",\"model\":\"load\",\"expires_at\":%lld,\"audio\":{"
             "\"input\":{\"format\":%s,\"turn_detection\":{\"type\":\"server_vad\"}},\"output\":{\"format\":%s,"
             "\"voice\":\"alloy\"}}}}",
             event, (long long)time(NULL) + 3600, format_json[f], format_json[f]);
    say_text(c, text);
}

static void endpoint_heard(Conn *conn, const char *text, size_t n, int64_t t) {
    Call *c = conn->call;
    size_t chars;
    if (!c) return;
    if (is_type(text, n, "input_audio_buffer.append")) {
        const char *audio = string_in(text, n, "\"audio\"", &chars);
        if (audio) audio_arrived(c, true, as_base64(audio, chars), t);
    } else if (is_type(text, n, "session.update")) {
        if (!c->updated) count_time(c->steady ? &set_up : &churn_set_up, t - c->dialled_at);
        c->updated = true;
        c->format = memmem(text, n, "audio/pcmu", 10) ? PCMU : memmem(text, n, "audio/pcma", 10) ? PCMA : PCM;
        say_session(conn, "session.updated", c->format);
        if (!c->steady) start_talking(c, t, false, true);
    } else if (is_type(text, n, "response.create")) {
        start_response(c);
    } else if (is_type(text, n, "response.cancel")) {
        interruptions++;
    }
}

static void complain(const char *text, size_t n) {
    fprintf(stderr, "load: the relay says %.*s\n", (int)(n < 300 ? n : 300), text);
    errors++;
}

static void caller_heard(Conn *conn, const char *text, size_t n, int64_t t) {
    size_t chars;
    if (is_type(text, n, "audio")) {
        const char *audio = string_in(text, n, "\"audio\"", &chars);
        if (!audio) return;
        if (chars != 428) odd_frames++; /* base64 of 320 bytes */
        audio_arrived(conn->call, false, as_base64(audio, chars), t);
    } else if (is_type(text, n, "interruption")) {
        interruptions++;
    } else if (is_type(text, n, "error")) {
        complain(text, n);
    }
}

static void asterisk_heard(Conn *conn, const char *text, size_t n) {
    Queue *q = &conn->call->queue;
    size_t chars;
    if (says(text, n, "\"command\"", "MARK_MEDIA")) {
        const char *id = string_in(text, n, "\"correlation_id\"", &chars);
        if (!id || !queue_mark(q, id, chars)) complain(text, n);
    } else if (says(text, n, "\"command\"", "ANSWER")) {
        if (!q->answered) {
            q->answered = true; /* until now the caller heard ringing, and was not heard */
            start_talking(conn->call, now() + FRAME, conn->call->talks, false);
        }
    } else if (says(text, n, "\"command\"", "FLUSH_MEDIA")) {
        flush_queue(q);
        interruptions++;
    } else if (says(text, n, "\"command\"", "HANGUP")) {
        say_goodbye(conn);
    } else {
        complain(text, n);
    }
}

static void asterisk_heard_media(Conn *conn, const uint8_t *media, size_t n, int64_t t) {
    Queue *q = &conn->call->queue;
    size_t frame = frame_bytes(line);
    if (n % frame) odd_frames++; /* Asterisk drops the rest */
    if (!q->answered || !queue_frames(q, (int64_t)(n / frame))) errors++;
    audio_arrived(conn->call, false, (Audio){media, n, false}, t);
}

static Call *without_endpoint(void) { /* the relay dials in the order in which calls came */
    Call *found = NULL;
    for (int i = 0; i < n_slots; i++) {
        Call *c = &calls[i];
        if (c->caller && !c->endpoint && !c->updated && (!found || c->dialled_at < found->dialled_at)) found = c;
    }
    return found;
}

static void say_init(Conn *c) {
    char init[100];
    snprintf(init, sizeof init, "{\"type\":\"init\",\"uuid\":\"load-%d-%lld\"}", (int)(c->call - calls), (long long)churned);
    say_text(c, init);
}

static void start_media(Conn *c, const char *head) {
    const char *protocol = strcasestr(head, "\nsec-websocket-protocol:");
    char start[300];
    if (!protocol || strncmp(protocol + 24 + strspn(protocol + 24, " "), "media\r", 6)) quit("the relay takes no media");
    snprintf(start, sizeof start,
             "{\"event\":\"MEDIA_START\",\"connection_id\":\"load\",\"channel\":\"WebSocket/load-%d\",\"channel_id\":"
             "\"load\",\"format\":\"%s\",\"optimal_frame_size\":%zu,\"ptime\":20,\"channel_variables\":{}}",
             (int)(c->call - calls), opt.asterisk, frame_bytes(line));
    say_text(c, start);
    play_due[c->call - calls] = on_grid(now(), (c->call - calls) * 5 + 2);
}

static void upgrade(Conn *c, const char *head) {
    if (c->role == CALLER) {
        if (strncmp(head, "HTTP/1.1 101", 12)) quit("the relay refuses a call");
        if (opt.asterisk) start_media(c, head);
        else say_init(c);
        if (!c->call->steady) start_talking(c->call, now(), true, false);
        return;
    }
    Call *call = without_endpoint();
    if (!call && opt.strangers) { /* somebody else's call */
        const char *busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
        put(c, busy, strlen(busy));
        drop(c);
        return;
    }
    if (!call) quit("the relay dials more often than it is called");
    const char *key = strcasestr(head, "\nsec-websocket-key:");
    char accept[32], answer[300];
    if (!key || strlen(key) < 19 + 24) quit("a request to the endpoint is no WebSocket handshake");
    for (key += 19; *key == ' '; key++) {
    }
    accept_of(key, accept);
    sprintf(answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    put(c, answer, strlen(answer));
    c->call = call;
    c->call->endpoint = c;
    say_session(c, "session.created", PCM);
}

/* ------------------------------------------------------------------ what arrives */

static size_t take_frame(Conn *c, uint8_t *at, size_t have, int64_t t) { /* 0: not all there */
    if (have < 2) return 0;
    bool masked = at[1] & 128;
    size_t n = at[1] & 127, more = n < 126 ? 0 : n == 126 ? 2 : 8, head = 2 + more + (masked ? 4 : 0);
    if (have < head) return 0;
    if (more) n = 0;
    for (size_t k = 0; k < more; k++) n = n << 8 | at[2 + k];
    uint8_t *payload = at + head, *key = payload - 4;
    if (n > IN_BYTES - 14) quit("a message of the relay's is too long");
    if (have < head + n) return 0;
    if (masked)
        for (size_t i = 0; i < n; i++) payload[i] ^= key[i & 3];
    if (masked != (c->role == ENDPOINT) || !(at[0] & 0x80)) errors++;
    switch (at[0] & 15) {
    case TEXT:
        if (c->role == CALLER && opt.asterisk) asterisk_heard(c, (char *)payload, n);
        else if (c->role == CALLER) caller_heard(c, (char *)payload, n, t);
        else endpoint_heard(c, (char *)payload, n, t);
        break;
    case BINARY:
        if (c->role == CALLER && opt.asterisk) asterisk_heard_media(c, payload, n, t);
        else errors++;
        break;
    case PING:
        say(c, PONG, payload, n);
        break;
    case CLOSE:
        say_goodbye(c);
        if (c->role == ENDPOINT) drop(c);
        break;
    case PONG:
        break;
    default:
        errors++;
    }
    return head + n;
}

static void take_in(Conn *c) {
    for (;;) {
        size_t room = IN_BYTES - 1 - c->in_n, used = 0, step;
        ssize_t n = recv(c->fd, c->in + c->in_n, room, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) {
            drop(c);
            return;
        }
        int64_t t = now();
        c->in_n += (size_t)n;
        if (!c->upgraded) {
            c->in[c->in_n] = 0;
            char *end = strstr((char *)c->in, "\r\n\r\n");
            if (!end) return;
            c->upgraded = true;
            used = (size_t)(end - (char *)c->in) + 4;
            upgrade(c, (char *)c->in);
        }
        while (!c->dead && (step = take_frame(c, c->in + used, c->in_n - used, t))) used += step;
        if (c->dead) return;
        memmove(c->in, c->in + used, c->in_n -= used);
        if ((size_t)n < room) return;
    }
}

static void turn(int64_t until) { /* send what is due, then sleep for the next thing */
    static int64_t armed;
    struct epoll_event events[256];
    int64_t next = send_due();
    if (until < next) next = until;
    if (next != armed) {
        struct itimerspec at = {.it_value = {next / S, next % S}};
        timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
        armed = next;
    }
    int n = epoll_wait(ep, events, 256, -1);
    for (int i = 0; i < n; i++) {
        Conn *c = events[i].data.ptr;
        if (c->dead) continue;
        if (c->role == TIMER) {
            uint64_t times;
            if (read(timer_fd, &times, sizeof times) > 0) armed = 0;
        } else if (c->role == LISTENER) {
            int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK);
            if (fd >= 0) watch(fd, ENDPOINT);
        } else {
            if (events[i].events & EPOLLOUT) flush(c);
            if (!c->dead) take_in(c);
        }
    }
    bury();
}

static void turns(int64_t until) {
    while (now() < until) turn(until);
}

/* ------------------------------------------------------------------ a run */

static Call *dial(int slot, bool steady) {
    char request[400], uuid[60] = "";
    if (opt.asterisk) snprintf(uuid, sizeof uuid, "uuid=load-%d-%lld&", slot, (long long)churned);
    int size = snprintf(request, sizeof request,
                        "GET /?%sfrom=2000&to=5001 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Key: bG9hZCBsb2FkIGxvYWQhIQ==\r\n%s"
                        "Sec-WebSocket-Version: 13\r\n\r\n",
                        uuid, opt.asterisk ? "Sec-WebSocket-Protocol: media\r\n" : "");
    struct sockaddr_in to = {AF_INET, htons((uint16_t)opt.relay_port), {htonl(INADDR_LOOPBACK)}, {0}};
    Call *c = &calls[slot];
    memset(c, 0, sizeof *c);
    c->steady = steady;
    c->format = PCM;
    c->dialled_at = now();
    c->ends_at = c->dialled_at + (int64_t)(opt.life_s * S);
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* connecting on loopback does not wait */
    if (fd < 0 || connect(fd, (void *)&to, sizeof to)) quit("cannot connect to the relay");
    c->caller = watch(fd, CALLER);
    c->caller->call = c;
    if (fcntl(fd, F_SETFL, O_NONBLOCK)) quit("cannot unblock a socket");
    put(c->caller, request, (size_t)size);
    return c;
}

static void dial_all(void) {
    for (int i = 0; i < n_steady; i++) {
        Call *c = dial(i, true);
        int64_t limit = now() + 10 * S;
        while (!c->updated && c->caller && now() < limit) turn(limit);
        if (!c->updated) quit("a call did not come up");
    }
    turns(now() + 300 * MS); /* their greetings are asked for */
    for (int i = 0; i < n_steady; i++) start_response(&calls[i]);
}

static void churn(int64_t t) { /* who is to leave, leaves; who is to come, comes */
    static int64_t next_at;
    for (int i = n_steady; i < n_slots; i++) {
        Call *c = &calls[i];
        if (c->caller && t >= c->ends_at && !c->hung_up) {
            if (!c->updated) churn_failed++;
            c->hung_up = true;
            frame_due[i] = delta_due[i] = NEVER;
            say_goodbye(c->caller);
        }
    }
    if (t < next_at) return;
    next_at = t + (int64_t)(S / opt.churn);
    for (int i = n_steady; i < n_slots; i++)
        if (!calls[i].caller && !calls[i].endpoint) {
            churned++;
            dial(i, false);
            return;
        }
    churn_failed++; /* the relay does not let go of those before */
}

static void talk(int64_t until) {
    while (now() < until) {
        if (opt.churn) churn(now());
        int64_t soon = now() + 10 * MS;
        turn(opt.churn && soon < until ? soon : until);
    }
}

static bool all_arrived(void) {
    for (int i = 0; i < n_steady; i++)
        if (calls[i].up.next < calls[i].up.sent || calls[i].down.next < calls[i].down.sent) return false;
    return true;
}

static void fall_silent(void) { /* what is missing now is lost, but for two frames in a filter */
    for (int i = 0; i < n_slots; i++) frame_due[i] = delta_due[i] = turn_due[i] = NEVER;
    int64_t limit = now() + 2 * S + DELTA * (int64_t)opt.burst;
    while (!all_arrived() && now() < limit) turn(limit);
    for (int i = 0; i < n_steady; i++)
        for (int up = 0; up < 2; up++) {
            Stream *s = up ? &calls[i].up : &calls[i].down;
            if (s->sent - s->next > 2) lost[up] += s->sent - s->next;
        }
}

static int hang_up(void) { /* returns how many sockets stay open */
    int open = 0;
    hanging_up = true;
    for (int i = 0; i < n_slots; i++) {
        calls[i].hung_up = true;
        say_goodbye(calls[i].caller);
    }
    for (int64_t limit = now() + 3 * S; now() < limit; turn(limit)) {
        open = 0;
        for (int i = 0; i < n_slots; i++) open += (calls[i].caller != NULL) + (calls[i].endpoint != NULL);
        if (!open) break;
    }
    return open;
}

static void listen_as_endpoint(void) {
    struct sockaddr_in at = {AF_INET, htons((uint16_t)opt.endpoint_port), {htonl(INADDR_LOOPBACK)}, {0}};
    struct rlimit files;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 1024)) quit("cannot listen as the endpoint");
    ep = epoll_create1(0);
    timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(timer_fd, TIMER);
    watch(fd, LISTENER);
}

static void print_side(const char *name, bool up) {
    int64_t gap = 0, frames = 0;
    for (int i = 0; i < n_steady; i++) {
        Stream *s = up ? &calls[i].up : &calls[i].down;
        if (s->longest_gap > gap) gap = s->longest_gap;
        frames += s->sent;
    }
    printf("\"%s\":{", name);
    print_times(&latency[up]);
    printf(",\"frames\":%lld,\"lost\":%lld,\"repeated\":%lld,\"unreadable\":%lld,\"gap_ms\":%.1f},", (long long)frames,
           (long long)lost[up], (long long)repeated[up], (long long)unreadable[up], gap / (double)MS);
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    prepare();
    listen_as_endpoint();
    n_steady = (int)opt.calls;
    n_slots = n_steady + (opt.churn ? (int)(opt.churn * (opt.life_s + 4)) + 2 : 0);
    calls = calloc((size_t)n_slots, sizeof *calls);
    frame_due = malloc((size_t)n_slots * sizeof *frame_due);
    delta_due = malloc((size_t)n_slots * sizeof *delta_due);
    play_due = malloc((size_t)n_slots * sizeof *play_due);
    turn_due = malloc((size_t)n_slots * sizeof *turn_due);
    for (int i = 0; i < n_slots; i++) frame_due[i] = delta_due[i] = play_due[i] = turn_due[i] = NEVER;
    alarm((unsigned)(opt.seconds + opt.warm_s) + 120);

    find_pids((int)opt.relay_pid);
    int64_t idle_kib = resident_kib();
    dial_all();
    for (int i = 0; i < n_steady; i++) start_talking(&calls[i], now() + FRAME, true, true);
    talk(now() + (int64_t)(opt.warm_s * S));

    find_pids((int)opt.relay_pid);
    memset(&late, 0, sizeof late);
    struct timespec own_before, own_after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own_before);
    int64_t cpu_before = cpu_used(), waited_before = waited();
    window_from = now();
    talk(window_from + (int64_t)(opt.seconds * S));
    window_to = now();
    int64_t cpu = cpu_used() - cpu_before, wait = waited() - waited_before, loaded_kib = resident_kib();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own_after);
    double window_s = (double)(window_to - window_from) / S;
    int64_t own = (own_after.tv_sec - own_before.tv_sec) * S + own_after.tv_nsec - own_before.tv_nsec;
    fall_silent();
    int left_open = hang_up();

    printf("{\"calls\":%d,\"seconds\":%.3f,\"line\":\"%s\",\"format\":\"%s\",\"cpu_s\":%.4f,\"processes\":%d,", n_steady,
           window_s, format_name[line], format_name[calls[0].format], cpu / (double)S, n_pids);
    printf("\"waited_s\":%.4f,\"idle_kib\":%lld,\"loaded_kib\":%lld,", wait / (double)S, (long long)idle_kib, (long long)loaded_kib);
    print_side("up", true);
    print_side("down", false);
    printf("\"set_up\":{");
    print_times(&set_up);
    printf("},\"churn\":{");
    print_times(&churn_set_up);
    printf(",\"calls\":%lld,\"failed\":%lld},", (long long)churned, (long long)churn_failed);
    printf("\"load_cpu_s\":%.4f,\"late_p99_ms\":%.2f,\"odd_frames\":%lld,\"errors\":%lld,\"interruptions\":%lld,", own / (double)S,
           quantile_ms(&late, .99), (long long)odd_frames, (long long)errors, (long long)interruptions);
    printf("\"ended_early\":%lld,\"left_open\":%d}\n", (long long)ended_early, left_open);
    return 0;
}

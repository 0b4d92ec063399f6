/* A count that is heard: each frame has two halves, each at one of 16 levels. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_PER_DELTA = 5, COUNT = 240 };

typedef enum { PCM_8_KHZ, PCM_16_KHZ, PCM, PCMU, PCMA, FORMATS } Format; /* PCM is the model's: 24 kHz */
static const char *const format_name[] = {"pcm8k", "pcm16k", "pcm", "pcmu", "pcma"};
static const char *const asterisk_name[] = {"slin", "slin16", "slin24", "ulaw", "alaw"};
static const char *const format_json[] = {
    "", "", "{\"type\":\"audio/pcm\",\"rate\":24000}", "{\"type\":\"audio/pcmu\"}", "{\"type\":\"audio/pcma\"}"};
static const int frame_samples[] = {160, 320, 480, 160, 160};
static const int sample_bytes[] = {2, 2, 2, 1, 1};
static int16_t g711[FORMATS][256];

static void fill_g711(void) { /* ITU-T G.711, tables 1 and 2, scaled to 16 bits */
    for (int code = 0; code < 256; code++) {
        int u = ~code & 255, a = code ^ 0x55;
        int mu = (((u & 15) * 2 + 33) << (u >> 4 & 7)) - 33;
        int step = a & 15, part = a >> 4 & 7;
        int al = part ? (2 * step + 33) << (part - 1) : 2 * step + 1;
        g711[PCMU][code] = (int16_t)((u & 128 ? -mu : mu) * 4);
        g711[PCMA][code] = (int16_t)((a & 128 ? al : -al) * 8);
    }
}

static int level(int frame, int half) {
    int symbol = half ? frame % 15 : frame / 15;
    return 2000 * symbol - 15000;
}

static int symbol_of(int sample) { /* -1: none of ours */
    int symbol = (sample + 16000) / 2000;
    if (sample < -16000 || symbol > 15 || abs(sample - (2000 * symbol - 15000)) > 600) return -1;
    return symbol;
}

static size_t put_sample(uint8_t *to, Format f, int value) {
    if (sample_bytes[f] == 2) {
        to[0] = (uint8_t)value;
        to[1] = (uint8_t)(value >> 8);
        return 2;
    }
    int best = 0;
    for (int code = 1; code < 256; code++)
        if (abs(g711[f][code] - value) < abs(g711[f][best] - value)) best = code;
    to[0] = (uint8_t)best;
    return 1;
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static uint8_t sextet[256];

static size_t base64(char *to, const uint8_t *raw, size_t n) {
    char *start = to;
    for (size_t i = 0; i < n; i += 3) {
        size_t here = n - i < 3 ? n - i : 3;
        uint32_t bits = raw[i] << 16 | (here > 1 ? raw[i + 1] << 8 : 0) | (here > 2 ? raw[i + 2] : 0);
        for (size_t k = 0; k < 4; k++) *to++ = k <= here ? alphabet[bits >> (18 - 6 * k) & 63] : '=';
    }
    *to = 0;
    return (size_t)(to - start);
}

static uint8_t byte_of(const char *text, size_t at) { /* one byte of a base64 text */
    const uint8_t *four = (const uint8_t *)text + at / 3 * 4;
    uint32_t bits = (uint32_t)sextet[four[0]] << 18 | sextet[four[1]] << 12 | sextet[four[2]] << 6 | sextet[four[3]];
    return (uint8_t)(bits >> (16 - 8 * (at % 3)));
}

typedef struct { /* audio that arrived, as bytes or as base64 */
    const void *at;
    size_t bytes;
    bool base64;
} Audio;

static Audio as_base64(const char *text, size_t chars) {
    size_t bytes = chars / 4 * 3;
    while (bytes && text[--chars] == '=') bytes--;
    return (Audio){text, bytes, true};
}

static int sample_of(Audio audio, Format f, size_t at) {
    size_t wide = (size_t)sample_bytes[f];
    uint8_t byte[2];
    for (size_t k = 0; k < wide; k++)
        byte[k] = audio.base64 ? byte_of(audio.at, wide * at + k) : ((const uint8_t *)audio.at)[wide * at + k];
    return wide == 1 ? g711[f][byte[0]] : (int16_t)(byte[0] | byte[1] << 8);
}

static size_t frame_bytes(Format f) { return (size_t)(frame_samples[f] * sample_bytes[f]); }

static size_t count_aloud(uint8_t *to, Format f, int first, int frames) { /* returns how many bytes */
    uint8_t *end = to;
    for (int frame = first; frame < first + frames; frame++)
        for (int half = 0; half < 2; half++) {
            uint8_t one[2];
            size_t n = put_sample(one, f, level(frame % COUNT, half));
            for (int k = 0; k < frame_samples[f] / 2; k++, end += n) memcpy(end, one, n);
        }
    return (size_t)(end - to);
}

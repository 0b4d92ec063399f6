/* WebSocket frames and the answer to a handshake, as bytes (RFC 6455). */
#pragma once
#include <arpa/inet.h>
#include "load_sound.h"

typedef struct {
    uint8_t *bytes;
    size_t n;
} Frame;

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
static const uint8_t mask[4] = {0x5a, 0xc3, 0x96, 0x0f};

static Frame ws_frame(int opcode, const void *payload, size_t n, bool masked) {
    Frame f = {malloc(n + 14), 2};
    f.bytes[0] = (uint8_t)(0x80 | opcode);
    f.bytes[1] = (uint8_t)((masked ? 0x80 : 0) | (n < 126 ? n : n < 65536 ? 126 : 127));
    for (int k = n < 126 ? 0 : n < 65536 ? 2 : 8; k > 0; k--) f.bytes[f.n++] = (uint8_t)((uint64_t)n >> 8 * (k - 1));
    if (masked) memcpy(f.bytes + f.n, mask, 4), f.n += 4;
    for (size_t i = 0; i < n; i++) f.bytes[f.n + i] = (uint8_t)(((const uint8_t *)payload)[i] ^ (masked ? mask[i & 3] : 0));
    f.n += n;
    return f;
}

static uint32_t turned(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* RFC 6455, 4.2.2: base64 of the SHA-1 (FIPS 180-4) of the key and a constant, together
 * 60 bytes, which with their padding are two blocks. */
static void accept_of(const char key[24], char accept[32]) {
    uint8_t text[128] = {0}, sum[20];
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    memcpy(text, key, 24);
    memcpy(text + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    text[60] = 0x80;
    text[126] = 480 >> 8;
    text[127] = 480 & 255;
    for (int block = 0; block < 2; block++) {
        uint32_t w[80], v[5];
        memcpy(v, h, sizeof v);
        for (int i = 0; i < 80; i++) {
            uint32_t word;
            memcpy(&word, text + 64 * block + 4 * (i & 15), 4);
            w[i] = i < 16 ? ntohl(word) : turned(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
            uint32_t mixed = i < 20   ? ((v[1] & v[2]) | (~v[1] & v[3])) + 0x5a827999
                             : i < 40 ? (v[1] ^ v[2] ^ v[3]) + 0x6ed9eba1
                             : i < 60 ? ((v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])) + 0x8f1bbcdc
                                      : (v[1] ^ v[2] ^ v[3]) + 0xca62c1d6;
            uint32_t top = turned(v[0], 5) + mixed + v[4] + w[i];
            memmove(v + 1, v, 4 * sizeof *v);
            v[0] = top;
            v[2] = turned(v[2], 30);
        }
        for (int i = 0; i < 5; i++) h[i] += v[i];
    }
    for (int i = 0; i < 20; i++) sum[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
    base64(accept, sum, sizeof sum);
}

/* SPDX-License-Identifier: MIT */
/*
 * What a benchmark's event says of itself, in the first 16 bytes of its data: the channel's own
 * sequence (from 1) and the time at which the event was *meant* to be published, both as 8 hex
 * digits. The intended time is what makes a stalled publisher or server visible: an event that
 * waited to be sent is late by that wait (coordinated omission does not hide it).
 *
 * Times are microseconds of CLOCK_MONOTONIC, of which a marker carries the low 32 bits: publisher
 * and subscriber are on one machine, and 71 minutes are longer than any run.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define MARKER_BYTES 16

static inline uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline void marker_put_hex(char *out, uint32_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 4)
        out[i] = "0123456789abcdef"[value & 15];
}

static inline void marker_write(char out[MARKER_BYTES], uint32_t sequence, uint64_t intended_us)
{
    marker_put_hex(out, sequence);
    marker_put_hex(out + 8, (uint32_t)intended_us);
}

static inline bool marker_get_hex(const char *at, uint32_t *ret_value)
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        unsigned digit = (unsigned char)at[i];
        digit = digit >= '0' && digit <= '9' ? digit - '0' : digit - 'a' + 10;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

static inline bool marker_read(const char *at, uint32_t *ret_sequence, uint32_t *ret_intended_us)
{
    return marker_get_hex(at, ret_sequence) && marker_get_hex(at + 8, ret_intended_us);
}

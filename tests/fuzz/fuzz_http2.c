/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a client sends over a connection of HTTP/2: whatever it is, nothing of it may be left when the connection has
 * ended, and the server must stay whole.
 *
 * The first byte: bit 0, the preface and an empty SETTINGS are sent before the rest; the others, how many bytes at a
 * time (0: all). The server's answers are read and thrown away.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "../unit/http/h2_peer.h"
#include "log/log.h"

#define INPUT_MAX 65536
#define ANSWER_MAX (1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct h2 peer;

static void close_peer(void)
{
    h2_close(&peer);
}

static struct h2 *open_peer(void)
{
    static bool opened;

    if (opened) {
        h2_reconnect(&peer);
        return &peer;
    }
    opened = true;
    cg_log_setup(CG_LOG_ERROR, CG_LOG_TEXT);
    h2_open_raw(&peer);
    atexit(close_peer);
    return &peer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct h2 *t;
    size_t step;

    if (size == 0 || size > INPUT_MAX)
        return 0;
    t = open_peer();
    fixture_gate(true);
    step = data[0] / 2 ? data[0] / 2 : size;
    if (data[0] & 1)
        h2_preface(t);
    for (size_t at = 1; at < size && !h2_is_over(t) && t->in_len < ANSWER_MAX; at += step) {
        h2_raw(t, data + at, step < size - at ? step : size - at);
        h2_turn(t);
    }
    for (int i = 0; i < 3 && !h2_is_over(t); i++)
        h2_turn(t);
    if (t->conn)
        cg_http2_drain(t->conn);
    return 0;
}

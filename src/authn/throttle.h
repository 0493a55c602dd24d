/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Failed logins, counted over a sliding window, so that never more than the
 * allowed number reach the directory within any stretch of that length: it
 * locks the account after a few, and would do so for a stale build secret too
 * (pitfall 11). Bounded: when full, the longest unused counter goes.
 * Threading: any thread; short critical sections.
 */
#ifndef CG_AUTHN_THROTTLE_H
#define CG_AUTHN_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cg_throttle;

struct cg_throttle *cg_throttle_new(void);
void cg_throttle_free(struct cg_throttle **throttle);

/* At most `max` failures within any `window_ms`. */
struct cg_throttle_limit {
    unsigned max;
    int64_t window_ms;
};

/* Seconds until the next try is allowed, 0: now. */
unsigned cg_throttle_wait_s(struct cg_throttle *throttle, const char *key, struct cg_throttle_limit limit,
                            int64_t now_ms);
void cg_throttle_fail(struct cg_throttle *throttle, const char *key, struct cg_throttle_limit limit, int64_t now_ms);
void cg_throttle_sweep(struct cg_throttle *throttle, int64_t older_than_ms);
size_t cg_throttle_count(struct cg_throttle *throttle);

/* So many a second and no more, of all together. */
struct cg_pace;

struct cg_pace *cg_pace_new(void);
void cg_pace_free(struct cg_pace **pace);
/* May one more go ahead in this second? max 0: always. */
bool cg_pace_take(struct cg_pace *pace, unsigned max, int64_t now_ms);

/* Keys. */
#define CG_LOGIN_NAME_MAX 128 /* bytes, as credentials.c allows */
/* What was typed, as directories compare names (pitfall 5): blanks at the ends dropped, inner ones made one, ASCII
 * lower case. Other spellings that some directory takes for the same name are caught by resolving the name first. */
void cg_login_name_fold(const char *name, char out[CG_LOGIN_NAME_MAX + 1]);
#define CG_ADDRESS_KEY_SIZE 64
/* An IPv4 address, also one mapped into IPv6, is itself; of an IPv6 address the /64, which one host has to itself. */
void cg_address_key(const char *address, char out[CG_ADDRESS_KEY_SIZE]);

#endif

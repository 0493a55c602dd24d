/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/sync_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"

/* Rights in the store and names in the index change too: a refused file is looked at again after that. */
#define REFUSED_FOR_MS (6 * 3600 * 1000)

struct refusal {
    char *content, *why;
    int64_t until_ms; /* monotonic */
};

struct cg_sync_state {
    pthread_mutex_t lock;
    struct cg_map *marks;   /* "NAME VERSION" -> the state itself */
    struct cg_map *refused; /* file -> struct refusal */
    atomic_bool wanted;
};

static void free_refusal(void *value)
{
    struct refusal *refusal = value;

    free(refusal->content);
    free(refusal->why);
    free(refusal);
}

struct cg_sync_state *cg_sync_state_new(void)
{
    struct cg_sync_state *s = cg_calloc(1, sizeof(*s));

    pthread_mutex_init(&s->lock, NULL);
    s->marks = cg_map_new(NULL);
    s->refused = cg_map_new(free_refusal);
    atomic_init(&s->wanted, false);
    return s;
}

void cg_sync_state_free(struct cg_sync_state **state)
{
    struct cg_sync_state *s = *state;

    if (!s)
        return;
    cg_map_free(&s->marks);
    cg_map_free(&s->refused);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *state = NULL;
}

#define KEY_SIZE (CG_CRATE_NAME_MAX + CG_VERSION_MAX + 2)

void cg_sync_state_mark(struct cg_sync_state *s, const char *name, const char *version)
{
    char key[KEY_SIZE];

    snprintf(key, sizeof(key), "%s %s", name, version);
    pthread_mutex_lock(&s->lock);
    cg_map_put(s->marks, key, s);
    pthread_mutex_unlock(&s->lock);
}

bool cg_sync_state_marked(struct cg_sync_state *s, const char *name, const char *version)
{
    char key[KEY_SIZE];
    bool marked;

    snprintf(key, sizeof(key), "%s %s", name, version);
    pthread_mutex_lock(&s->lock);
    marked = cg_map_get(s->marks, key) != NULL;
    pthread_mutex_unlock(&s->lock);
    return marked;
}

struct cg_map *cg_sync_state_take_marks(struct cg_sync_state *s)
{
    struct cg_map *taken = NULL;

    pthread_mutex_lock(&s->lock);
    if (cg_map_count(s->marks)) {
        taken = s->marks;
        s->marks = cg_map_new(NULL);
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

void cg_sync_state_refuse(struct cg_sync_state *s, const char *file, const char *content, const char *why)
{
    struct refusal *refusal = cg_calloc(1, sizeof(*refusal));

    *refusal = (struct refusal){.content = cg_strdup(content),
                                .why = cg_strdup(why),
                                .until_ms = cg_clock_mono_ms() + REFUSED_FOR_MS};
    pthread_mutex_lock(&s->lock);
    cg_map_put(s->refused, file, refusal);
    pthread_mutex_unlock(&s->lock);
}

char *cg_sync_state_refused(struct cg_sync_state *s, const char *file, const char *content)
{
    const struct refusal *refusal;
    char *why = NULL;

    pthread_mutex_lock(&s->lock);
    refusal = cg_map_get(s->refused, file);
    if (refusal && strcmp(refusal->content, content) == 0 && cg_clock_mono_ms() < refusal->until_ms)
        why = cg_strdup(refusal->why);
    pthread_mutex_unlock(&s->lock);
    return why;
}

void cg_sync_state_forgive(struct cg_sync_state *s)
{
    pthread_mutex_lock(&s->lock);
    cg_map_clear(s->refused);
    pthread_mutex_unlock(&s->lock);
}

void cg_sync_state_want(struct cg_sync_state *s)
{
    atomic_store(&s->wanted, true);
}

bool cg_sync_state_wanted(struct cg_sync_state *s)
{
    return atomic_exchange(&s->wanted, false);
}

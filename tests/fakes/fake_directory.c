/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "fake_directory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

#define DN_MAX 4096
#define REFUSED "The directory does not accept this user name and password."

struct person {
    char *id;
    char *name;
    char *dn;
    char *password;
    char **groups; /* canonical DNs, NULL-terminated */
    enum cg_fake_person_state state;
    struct person *next;
};

struct group {
    char *dn;
    struct group *next;
};

struct fake {
    struct cg_directory base;
    pthread_mutex_t lock; /* everything below but the atomics */
    struct person *people;
    struct group *groups;
    enum cg_fake_mode mode;
    atomic_uint delay_ms;
    struct cg_fake_counts counts;
};

static struct fake *fake_of(struct cg_directory *dir)
{
    return (struct fake *)dir;
}

/* Lower case, no blanks around ',' and '='. Good enough for the DNs tests write; the real one parses. */
static char *canonical(const char *dn)
{
    struct cg_buf out;

    cg_buf_init(&out, DN_MAX);
    for (const char *p = dn; *p; p++) {
        const char *next = p + strspn(p, " ");
        char before = out.len ? out.data[out.len - 1] : ',';

        if (*p == ' ' && (before == ',' || before == '=' || *next == ',' || *next == '=' || *next == '\0'))
            continue;
        cg_buf_addch(&out, *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
    }
    cg_buf_addstr(&out, "");
    CG_ASSERT(!cg_buf_failed(&out));
    return out.len ? cg_buf_take(&out) : cg_strdup("");
}

/* The value of the first RDN: "cn=x,ou=y" -> "x". */
static char *first_value(const char *dn)
{
    const char *value = strchr(dn, '=');

    value = value ? value + 1 : dn;
    return cg_strndup(value, strcspn(value, ","));
}

static void free_list(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}

static void free_person(struct person *p)
{
    free(p->id);
    free(p->name);
    free(p->dn);
    free(p->password);
    free_list(p->groups);
    free(p);
}

static bool same_name(const char *stored, const char *typed)
{
    char *copy = cg_strdup(typed);
    bool same = cg_streq_nocase(stored, cg_str_trim(copy));

    free(copy);
    return same;
}

static struct person *by_name(struct fake *f, const char *name)
{
    struct person *p = f->people;

    while (p && !same_name(p->name, name))
        p = p->next;
    return p;
}

static struct person *by_id(struct fake *f, const char *id)
{
    struct person *p = f->people;

    while (p && strcmp(p->id, id) != 0)
        p = p->next;
    return p;
}

static void know_group(struct fake *f, const char *canonical_group)
{
    struct group *g = f->groups;

    while (g && strcmp(g->dn, canonical_group) != 0)
        g = g->next;
    if (g)
        return;
    g = cg_calloc(1, sizeof(*g));
    g->dn = cg_strdup(canonical_group);
    g->next = f->groups;
    f->groups = g;
}

static char **copy_groups(struct fake *f, const char *const *groups)
{
    size_t count = 0;
    char **copy;

    while (groups && groups[count])
        count++;
    copy = cg_calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++) {
        copy[i] = canonical(groups[i]);
        know_group(f, copy[i]);
    }
    return copy;
}

static struct cg_identity *identity_of(const struct person *p)
{
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_PERSON, p->id, p->name, p->dn, p->name);

    for (char **g = p->groups; *g; g++) {
        char *name = first_value(*g);

        cg_identity_add_group(who, *g, name);
        free(name);
    }
    cg_identity_seal(who);
    return who;
}

/* Counts an operation, waits as told, takes the lock and says whether the directory answers at all. */
static enum cg_err enter(struct fake *f, atomic_uint *count, struct cg_error *err)
{
    unsigned now = atomic_fetch_add(&f->counts.running, 1) + 1;
    unsigned most = atomic_load(&f->counts.running_max);
    unsigned ms = atomic_load(&f->delay_ms);
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    atomic_fetch_add(count, 1);
    while (now > most && !atomic_compare_exchange_weak(&f->counts.running_max, &most, now))
        ;
    if (ms)
        nanosleep(&pause, NULL);
    pthread_mutex_lock(&f->lock);
    if (f->mode == CG_FAKE_UNAVAILABLE)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "The directory does not answer.");
    return CG_OK;
}

static enum cg_err leave(struct fake *f, enum cg_err rc)
{
    pthread_mutex_unlock(&f->lock);
    atomic_fetch_sub(&f->counts.running, 1);
    return rc;
}

static bool password_matches(const struct person *p, const struct cg_secret *password)
{
    return strlen(p->password) == password->len && cg_secret_equal_bytes(p->password, password->bytes, password->len);
}

static enum cg_err fake_login(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                              struct cg_identity **who_out, struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    struct person *p;
    enum cg_err rc;

    if (password->len == 0)
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED, "empty password");
    rc = enter(f, &f->counts.logins, err);
    if (rc == CG_OK && f->mode == CG_FAKE_MUTE) {
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "The directory does not answer.");
        err->password_sent = true;
    } else if (rc == CG_OK) {
        p = f->mode == CG_FAKE_CONFLICT ? NULL : by_name(f, username);
        if (p && p->state == CG_FAKE_OK && password_matches(p, password))
            *who_out = identity_of(p);
        else
            rc = cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED, "login refused for %s", username);
    }
    return leave(f, rc);
}

static enum cg_err answer(const struct person *p, struct cg_identity **who_out, struct cg_error *err)
{
    if (!p || p->state == CG_FAKE_GONE)
        return cg_error_set(err, CG_ERR_ABSENT, "There is no such person in the directory.");
    if (p->state == CG_FAKE_DISABLED)
        return cg_error_hide(err, CG_ERR_DENIED, "This account is not active in the directory.", "%s: disabled",
                             p->name);
    *who_out = identity_of(p);
    return CG_OK;
}

static enum cg_err fake_find(struct cg_directory *dir, const char *username, struct cg_identity **who_out,
                             struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    enum cg_err rc = enter(f, &f->counts.finds, err);

    if (rc == CG_OK && f->mode == CG_FAKE_CONFLICT)
        rc = cg_error_set(err, CG_ERR_CONFLICT, "More than one person matches \"%s\".", username);
    else if (rc == CG_OK)
        rc = answer(by_name(f, username), who_out, err);
    return leave(f, rc);
}

static enum cg_err fake_revalidate(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                                   struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    enum cg_err rc = enter(f, &f->counts.revalidations, err);

    if (rc == CG_OK)
        rc = answer(by_id(f, id), who_out, err);
    return leave(f, rc);
}

static enum cg_err fake_resolve_group(struct cg_directory *dir, const char *name, char **dn_out, struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    enum cg_err rc = enter(f, &f->counts.resolves, err);
    const char *found = NULL;
    struct cg_buf all;
    unsigned count = 0;

    cg_buf_init(&all, CG_ERROR_DETAIL_MAX);
    for (struct group *g = f->groups; rc == CG_OK && g; g = g->next) {
        char *value = first_value(g->dn);

        if (cg_streq_nocase(value, name)) {
            cg_buf_addf(&all, "%s\"%s\"", count++ ? ", " : "", g->dn);
            found = g->dn;
        }
        free(value);
    }
    if (rc == CG_OK && (count > 1 || f->mode == CG_FAKE_CONFLICT))
        rc = cg_error_set(err, CG_ERR_CONFLICT, "More than one group is called \"%s\": %s.", name, cg_buf_str(&all));
    else if (rc == CG_OK && count == 0)
        rc = cg_error_set(err, CG_ERR_ABSENT, "There is no group called \"%s\".", name);
    if (rc == CG_OK)
        *dn_out = cg_strdup(found);
    cg_buf_free(&all);
    return leave(f, rc);
}

/* "(cn=rust-*)": the one form of filter that this directory knows, with at most one star, at the end. */
static bool filter_matches(const char *filter, const char *name)
{
    const char *value = filter + strlen("(cn=");
    size_t len = strcspn(value, "*)");

    CG_ASSERT(cg_str_starts(filter, "(cn="));
    if (value[len] == ')')
        return strlen(name) == len && strncasecmp(name, value, len) == 0;
    return strncasecmp(name, value, len) == 0;
}

static enum cg_err fake_each_group(struct cg_directory *dir, const char *filter, cg_directory_group_visit visit,
                                   void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    enum cg_err rc = enter(f, &f->counts.group_lists, err);

    for (struct group *g = f->groups; rc == CG_OK && g; g = g->next) {
        char *name = first_value(g->dn);

        if (filter_matches(filter, name))
            rc = visit(cls, g->dn, name);
        free(name);
    }
    return leave(f, rc);
}

static bool has_group(char *const *groups, const char *dn)
{
    for (; *groups; groups++)
        if (strcmp(*groups, dn) == 0)
            return true;
    return false;
}

static enum cg_err fake_group_alive(struct cg_directory *dir, const char *dn, struct cg_error *err)
{
    struct fake *f = fake_of(dir);
    enum cg_err rc = enter(f, &f->counts.alive_checks, err);
    bool alive = false;

    for (struct person *p = f->people; p && !alive; p = p->next)
        alive = has_group(p->groups, dn) && (p->state == CG_FAKE_OK || p->state == CG_FAKE_LOCKED);
    if (rc == CG_OK && !alive)
        rc = cg_error_set(err, CG_ERR_ABSENT, "Nobody is in the group \"%s\".", dn);
    return leave(f, rc);
}

static enum cg_err fake_canonical_dn(struct cg_directory *dir, const char *dn, char **dn_out, struct cg_error *err)
{
    (void)dir;
    if (!strchr(dn, '='))
        return cg_error_set(err, CG_ERR_INVALID, "\"%s\" is not a DN.", dn);
    *dn_out = canonical(dn);
    return CG_OK;
}

static enum cg_err fake_ping(struct cg_directory *dir, struct cg_error *err)
{
    struct fake *f = fake_of(dir);

    return leave(f, enter(f, &f->counts.pings, err));
}

static enum cg_err fake_diagnose(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                                 cg_directory_report report, void *cls, struct cg_identity **who_out,
                                 struct cg_error *err)
{
    struct cg_identity *who = NULL;
    enum cg_err rc = fake_ping(dir, err);

    report(cls, rc == CG_OK, "server", rc == CG_OK ? "in memory" : "does not answer");
    if (rc == CG_OK && username) {
        rc = password ? fake_login(dir, username, password, &who, err) : fake_find(dir, username, &who, err);
        report(cls, rc == CG_OK, password ? "login" : "find", rc == CG_OK ? cg_identity_dn(who) : cg_err_text(rc));
    }
    if (rc == CG_OK && who && who_out)
        *who_out = cg_identity_ref(who);
    cg_identity_unref(&who);
    return rc;
}

static void fake_free(struct cg_directory *dir)
{
    struct fake *f = fake_of(dir);

    while (f->people) {
        struct person *p = f->people;

        f->people = p->next;
        free_person(p);
    }
    while (f->groups) {
        struct group *g = f->groups;

        f->groups = g->next;
        free(g->dn);
        free(g);
    }
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static const struct cg_directory_ops OPS = {
    .name = "fake",
    .login = fake_login,
    .find = fake_find,
    .revalidate = fake_revalidate,
    .resolve_group = fake_resolve_group,
    .each_group = fake_each_group,
    .group_alive = fake_group_alive,
    .probe = fake_ping,
    .canonical_dn = fake_canonical_dn,
    .ping = fake_ping,
    .diagnose = fake_diagnose,
    .free = fake_free,
};

struct cg_directory *cg_fake_directory_new(void)
{
    struct fake *f = cg_calloc(1, sizeof(*f));

    f->base.ops = &OPS;
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}

void cg_fake_directory_add_person(struct cg_directory *dir, const char *id, const char *name, const char *dn,
                                  const char *password, const char *const *groups)
{
    struct fake *f = fake_of(dir);
    struct person *p = cg_calloc(1, sizeof(*p));

    p->id = cg_strdup(id);
    p->name = cg_strdup(name);
    p->dn = canonical(dn);
    p->password = cg_strdup(password);
    pthread_mutex_lock(&f->lock);
    p->groups = copy_groups(f, groups);
    for (struct person **at = &f->people; *at; at = &(*at)->next) {
        if (strcmp((*at)->id, id) == 0) {
            struct person *old = *at;

            *at = old->next;
            free_person(old);
            break;
        }
    }
    p->next = f->people;
    f->people = p;
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_directory_set_state(struct cg_directory *dir, const char *name, enum cg_fake_person_state state)
{
    struct fake *f = fake_of(dir);
    struct person *p;

    pthread_mutex_lock(&f->lock);
    p = by_name(f, name);
    CG_ASSERT(p != NULL);
    p->state = state;
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_directory_set_password(struct cg_directory *dir, const char *name, const char *password)
{
    struct fake *f = fake_of(dir);
    struct person *p;

    pthread_mutex_lock(&f->lock);
    p = by_name(f, name);
    CG_ASSERT(p != NULL);
    free(p->password);
    p->password = cg_strdup(password);
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_directory_set_groups(struct cg_directory *dir, const char *name, const char *const *groups)
{
    struct fake *f = fake_of(dir);
    struct person *p;

    pthread_mutex_lock(&f->lock);
    p = by_name(f, name);
    CG_ASSERT(p != NULL);
    free_list(p->groups);
    p->groups = copy_groups(f, groups);
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_directory_add_group(struct cg_directory *dir, const char *dn)
{
    struct fake *f = fake_of(dir);
    char *key = canonical(dn);

    pthread_mutex_lock(&f->lock);
    know_group(f, key);
    pthread_mutex_unlock(&f->lock);
    free(key);
}

void cg_fake_directory_set_mode(struct cg_directory *dir, enum cg_fake_mode mode)
{
    struct fake *f = fake_of(dir);

    pthread_mutex_lock(&f->lock);
    f->mode = mode;
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_directory_set_delay(struct cg_directory *dir, unsigned ms)
{
    atomic_store(&fake_of(dir)->delay_ms, ms);
}

struct cg_fake_counts *cg_fake_directory_counts(struct cg_directory *dir)
{
    return &fake_of(dir)->counts;
}

void cg_fake_directory_remove_group(struct cg_directory *dir, const char *dn)
{
    struct fake *f = fake_of(dir);
    char *gone = canonical(dn);

    pthread_mutex_lock(&f->lock);
    for (struct group **at = &f->groups; *at; at = &(*at)->next) {
        struct group *g = *at;

        if (strcmp(g->dn, gone) == 0) {
            *at = g->next;
            free(g->dn);
            free(g);
            break;
        }
    }
    pthread_mutex_unlock(&f->lock);
    free(gone);
}

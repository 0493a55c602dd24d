/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Verdicts on disk, so that a restart while the directory is down does not stop
 * every build. Written by the maintenance thread, never by a request. Each row
 * carries a keyed digest: whoever can only write the database cannot give
 * themselves groups. An old row put back is an old verdict, and no older one
 * serves than in an outage.
 */
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"

#define AT_ONCE 256
#define IDENTITY_MAX (4u * 1024u * 1024u)
#define MARK "crategate subject 1\n" /* no token's secret begins like this, and they share the key */
#define SECOND_MS 1000

/* Rows carry a digest of the configuration they were asked under. Under another one they are due, as after a reload. */
void cg_authn_fingerprint(const struct cg_conf *conf, char out[CG_FINGERPRINT_SIZE])
{
    unsigned char digest[CG_SHA256_SIZE];
    struct cg_buf text;

    cg_buf_init(&text, IDENTITY_MAX);
    cg_conf_dump(conf, &text);
    cg_sha256(cg_buf_str(&text), text.len, digest);
    cg_hex(digest, (CG_FINGERPRINT_SIZE - 1) / 2, out);
    cg_buf_free(&text);
}

/* Writing */

static void add_member(struct cg_buf *out, const char *key, const char *value)
{
    cg_buf_addf(out, ",\"%s\":", key);
    cg_json_quote(out, value);
}

static void add_groups(struct cg_buf *out, const struct cg_identity *who)
{
    for (size_t i = 0; i < cg_identity_group_count(who); i++) {
        cg_buf_addstr(out, i ? ",[" : "[");
        cg_json_quote(out, cg_identity_group_dn(who, i));
        cg_buf_addch(out, ',');
        cg_json_quote(out, cg_identity_group_name(who, i));
        cg_buf_addch(out, ']');
    }
}

static void describe(struct cg_buf *out, const struct cg_subject_state *state, const char *fingerprint)
{
    cg_buf_addstr(out, "{\"settings\":");
    cg_json_quote(out, state->due ? "" : fingerprint);
    if (state->who) {
        add_member(out, "name", cg_identity_name(state->who));
        add_member(out, "dn", cg_identity_dn(state->who));
        add_member(out, "display_name", cg_identity_display_name(state->who));
        add_member(out, "mail", cg_identity_mail(state->who));
        cg_buf_addstr(out, ",\"groups\":[");
        add_groups(out, state->who);
        cg_buf_addch(out, ']');
    }
    cg_buf_addch(out, '}');
}

static void make_mac(const struct cg_hmac *key, const struct cg_subject_row *row, unsigned char mac[CG_SHA256_SIZE])
{
    char *head = cg_asprintf(MARK "%zu:%s\n%d %lld %lld %lld\n", strlen(row->id), row->id, row->verdict,
                             (long long)row->asked_at, (long long)row->gone_since, (long long)row->suspended_at);

    cg_hmac(key, head, strlen(head), row->identity, strlen(row->identity), mac);
    free(head);
}

static void free_row(struct cg_subject_row *row)
{
    free((char *)(uintptr_t)row->identity);
}

static bool make_row(const struct cg_authn *authn, const struct cg_subject_state *state, const char *fingerprint,
                     struct cg_subject_row *row_out)
{
    struct cg_subject_row row = {.id = state->id,
                                 .verdict = (int)state->verdict,
                                 .asked_at = cg_clock_wall_s() - (cg_clock_mono_ms() - state->asked_at) / SECOND_MS,
                                 .gone_since = state->gone_since,
                                 .suspended_at = state->suspended_at};
    struct cg_buf text;

    cg_buf_init(&text, IDENTITY_MAX);
    describe(&text, state, fingerprint);
    if (cg_buf_failed(&text)) { /* more groups than anybody has: then this one is asked for again after a restart */
        cg_buf_free(&text);
        return false;
    }
    row.identity = cg_buf_take(&text);
    make_mac(authn->token_key, &row, row.mac);
    *row_out = row;
    return true;
}

static bool save_some(struct cg_authn *authn, const struct cg_subject_state *states, size_t count)
{
    struct cg_subject_row rows[AT_ONCE];
    char fingerprint[CG_FINGERPRINT_SIZE];
    size_t made = 0;
    bool saved;

    pthread_rwlock_rdlock(&authn->settings_lock);
    memcpy(fingerprint, authn->fingerprint, sizeof(fingerprint));
    pthread_rwlock_unlock(&authn->settings_lock);
    for (size_t i = 0; i < count; i++)
        made += make_row(authn, &states[i], fingerprint, &rows[made]);
    saved = authn->md->ops->subject_put(authn->md, rows, made, NULL) == CG_OK;
    if (!saved)
        cg_subjects_give_back(authn->subjects, states, count);
    for (size_t i = 0; i < made; i++)
        free_row(&rows[i]);
    return saved;
}

void cg_authn_subjects_save(struct cg_authn *authn)
{
    struct cg_subject_state states[AT_ONCE];
    size_t count;
    bool saved = true;

    do {
        count = cg_subjects_take_changed(authn->subjects, states, AT_ONCE);
        if (count)
            saved = save_some(authn, states, count);
        for (size_t i = 0; i < count; i++)
            cg_subject_state_clear(&states[i]);
    } while (saved && count == AT_ONCE);
}

/* Reading */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = cg_json_str(object, key);

    return text ? text : "";
}

static void read_groups(const json_t *groups, struct cg_identity *who)
{
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *pair = json_array_get(groups, i);
        const char *dn = json_string_value(json_array_get(pair, 0)), *name = json_string_value(json_array_get(pair, 1));

        if (dn && name)
            cg_identity_add_group(who, dn, name);
    }
}

static struct cg_identity *read_identity(const json_t *object, const char *id)
{
    enum cg_identity_kind kind = cg_str_starts(id, CG_SUBJECT_GROUP) ? CG_IDENTITY_SERVICE : CG_IDENTITY_PERSON;
    struct cg_identity *who =
        cg_identity_new(kind, id, text_of(object, "name"), text_of(object, "dn"), text_of(object, "display_name"));

    cg_identity_set_mail(who, text_of(object, "mail"));
    read_groups(json_object_get(object, "groups"), who);
    cg_identity_seal(who);
    return who;
}

struct loading {
    struct cg_authn *authn;
    size_t strange; /* rows not of our making */
};

static bool is_ours(const struct loading *loading, const struct cg_subject_row *row)
{
    unsigned char mac[CG_SHA256_SIZE];

    make_mac(loading->authn->token_key, row, mac);
    return cg_secret_equal_bytes(mac, row->mac, sizeof(mac)) && row->verdict >= CG_VERDICT_GOOD &&
           row->verdict <= CG_VERDICT_DISABLED;
}

static void restore(struct cg_authn *authn, const struct cg_subject_row *row, const json_t *identity)
{
    struct cg_subject_state state = {.id = (char *)(uintptr_t)row->id,
                                     .verdict = (enum cg_verdict)row->verdict,
                                     .gone_since = row->gone_since,
                                     .suspended_at = row->suspended_at};
    int64_t age_s = cg_clock_wall_s() - row->asked_at;

    if (json_object_get(identity, "name"))
        state.who = read_identity(identity, row->id);
    state.due = strcmp(text_of(identity, "settings"), authn->fingerprint) != 0;
    state.asked_at = cg_clock_mono_ms() - (age_s + (age_s >= 0)) * SECOND_MS; /* never younger than it is */
    if (state.verdict != CG_VERDICT_GOOD || state.who)
        cg_subjects_restore(authn->subjects, authn->conf, &state);
    cg_identity_unref(&state.who);
}

static enum cg_err load_row(void *cls, const struct cg_subject_row *row)
{
    struct loading *loading = cls;
    json_t *identity = NULL;

    if (!is_ours(loading, row) || cg_json_parse(row->identity, strlen(row->identity), &identity, NULL) != CG_OK)
        loading->strange++;
    else
        restore(loading->authn, row, identity);
    json_decref(identity);
    return CG_OK;
}

enum cg_err cg_authn_subjects_load(struct cg_authn *authn, struct cg_error *err)
{
    struct loading loading = {.authn = authn};
    enum cg_err rc = authn->md->ops->subject_each(authn->md, load_row, &loading, err);

    if (rc == CG_OK && loading.strange)
        cg_log(
            CG_LOG_WARN, "authn", NULL,
            "%zu remembered verdicts of the directory were not written under this token.key and are ignored: the key "
            "was replaced, or somebody changed the database",
            loading.strange);
    return rc;
}

void cg_authn_subjects_delete(struct cg_authn *authn, char *const *ids, size_t count)
{
    /* A row that stays is loaded at the next start and forgotten again. */
    if (count && authn->md->ops->subject_delete(authn->md, (const char *const *)ids, count, NULL) != CG_OK)
        cg_log(CG_LOG_DEBUG, "authn", NULL, "%zu old verdicts could not be deleted", count);
}

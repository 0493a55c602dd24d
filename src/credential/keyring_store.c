/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The desktop's Secret Service (GNOME Keyring, KWallet, KeePassXC) through libsecret. Its blocking calls may wait for
 * ever on a service that hangs, so every call here is an asynchronous one with a deadline of ours. After a missed
 * deadline the store is dead: the call under way is left alone, and nothing is asked any more.
 */
#include "credential/store.h"

#include <libsecret/secret.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define REACH_MS 2000
#define CALL_MS 60000 /* a locked keyring asks its person for its password */
#define ATTRIBUTE "url"

struct keyring {
    struct cg_store store;
    GMainLoop *loop;
    GCancellable *cancel;
    SecretService *service;
    GAsyncResult *result; /* of the call under way, once it is there */
    bool dead;
};

static const SecretSchema schema = {
    .name = "io.crategate.Token",
    .flags = SECRET_SCHEMA_NONE,
    .attributes = {{ATTRIBUTE, SECRET_SCHEMA_ATTRIBUTE_STRING}, {NULL, SECRET_SCHEMA_ATTRIBUTE_STRING}},
};

static void on_result(GObject *source, GAsyncResult *result, gpointer cls)
{
    struct keyring *ring = cls;

    (void)source;
    ring->result = g_object_ref(result);
    g_main_loop_quit(ring->loop);
}

static gboolean on_deadline(gpointer cls)
{
    struct keyring *ring = cls;

    ring->dead = true;
    g_cancellable_cancel(ring->cancel);
    g_main_loop_quit(ring->loop);
    return G_SOURCE_REMOVE;
}

/* Waits for the call that was just made. NULL when it did not end in time; else unref the result. */
static GAsyncResult *wait_for(struct keyring *ring, guint deadline_ms)
{
    guint timer = g_timeout_add(deadline_ms, on_deadline, ring);
    GAsyncResult *result;

    g_main_loop_run(ring->loop);
    if (!ring->dead)
        g_source_remove(timer);
    result = ring->result;
    ring->result = NULL;
    return result;
}

/* OK, or UNAVAILABLE with the reason; frees the reason and forgets the result. */
static enum cg_err settle(GAsyncResult *result, GError *reason, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    if (!result)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "the desktop keyring did not answer in time");
    else if (reason)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "the desktop keyring: %s", reason->message);
    g_clear_error(&reason);
    g_clear_object(&result);
    return rc;
}

static enum cg_err check_alive(const struct keyring *ring, struct cg_error *err)
{
    if (ring->dead)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the desktop keyring did not answer before");
    return CG_OK;
}

/* Other programs of the desktop can write there too: a token must not be taken for that of another gateway. */
static enum cg_err read_value(SecretValue *value, const char *base, struct cg_login_record *record_out,
                              struct cg_error *err)
{
    struct cg_login_record record = {0};
    gsize len;
    const char *text = secret_value_get(value, &len);
    enum cg_err rc = cg_login_record_read(text, len, &record, NULL);

    if (rc == CG_OK && strcmp(record.base, base) == 0) {
        *record_out = record;
        return CG_OK;
    }
    cg_login_record_free(&record);
    return cg_error_set(err, CG_ERR_INVALID,
                        "what the desktop keyring has for %s is damaged: use `cargo logout`, then log in again", base);
}

static enum cg_err keyring_load(struct cg_store *store, const char *base, struct cg_login_record *record_out,
                                struct cg_error *err)
{
    struct keyring *ring = (struct keyring *)store;
    GHashTable *attributes;
    GAsyncResult *result;
    GError *reason = NULL;
    SecretValue *value = NULL;
    enum cg_err rc = check_alive(ring, err);

    if (rc != CG_OK)
        return rc;
    attributes = secret_attributes_build(&schema, ATTRIBUTE, base, NULL);
    secret_service_lookup(ring->service, &schema, attributes, ring->cancel, on_result, ring);
    if ((result = wait_for(ring, CALL_MS)) != NULL)
        value = secret_service_lookup_finish(ring->service, result, &reason);
    g_hash_table_unref(attributes);
    if ((rc = settle(result, reason, err)) != CG_OK)
        return rc;
    if (!value)
        return cg_error_set(err, CG_ERR_ABSENT, "the desktop keyring has no login to %s", base);
    rc = read_value(value, base, record_out, err);
    secret_value_unref(value);
    return rc;
}

static enum cg_err keyring_save(struct cg_store *store, const struct cg_login_record *record, struct cg_error *err)
{
    struct keyring *ring = (struct keyring *)store;
    GHashTable *attributes;
    GAsyncResult *result;
    GError *reason = NULL;
    SecretValue *value;
    struct cg_buf text;
    char *label;
    enum cg_err rc = check_alive(ring, err);

    if (rc != CG_OK)
        return rc;
    cg_buf_init(&text, 16384);
    CG_ASSERT(cg_buf_reserve(&text, 16384)); /* at once: growing would leave copies behind */
    cg_login_record_write(&text, record);
    value = secret_value_new(cg_buf_str(&text), (gssize)text.len, "application/json");
    cg_wipe(text.data, text.cap);
    cg_buf_free(&text);
    label = cg_asprintf("Cargo token for %s", record->base);
    attributes = secret_attributes_build(&schema, ATTRIBUTE, record->base, NULL);
    secret_service_store(ring->service, &schema, attributes, SECRET_COLLECTION_DEFAULT, label, value, ring->cancel,
                         on_result, ring);
    if ((result = wait_for(ring, CALL_MS)) != NULL)
        secret_service_store_finish(ring->service, result, &reason);
    g_hash_table_unref(attributes);
    secret_value_unref(value);
    free(label);
    return settle(result, reason, err);
}

static enum cg_err keyring_remove(struct cg_store *store, const char *base, struct cg_error *err)
{
    struct keyring *ring = (struct keyring *)store;
    GHashTable *attributes;
    GAsyncResult *result;
    GError *reason = NULL;
    gboolean removed = FALSE;
    enum cg_err rc = check_alive(ring, err);

    if (rc != CG_OK)
        return rc;
    attributes = secret_attributes_build(&schema, ATTRIBUTE, base, NULL);
    secret_service_clear(ring->service, &schema, attributes, ring->cancel, on_result, ring);
    if ((result = wait_for(ring, CALL_MS)) != NULL)
        removed = secret_service_clear_finish(ring->service, result, &reason);
    g_hash_table_unref(attributes);
    rc = settle(result, reason, err);
    if (rc == CG_OK && !removed)
        rc = cg_error_set(err, CG_ERR_ABSENT, "the desktop keyring has no login to %s", base);
    return rc;
}

static void visit_item(SecretItem *item, cg_store_visit *visit, void *cls)
{
    struct cg_login_record record = {0};
    SecretValue *value = secret_item_get_secret(item);
    gsize len = 0;
    const char *text = value ? secret_value_get(value, &len) : NULL;

    if (text && cg_login_record_read(text, len, &record, NULL) == CG_OK)
        visit(cls, &record, "the desktop keyring");
    cg_login_record_free(&record);
    if (value)
        secret_value_unref(value);
}

static enum cg_err keyring_each(struct cg_store *store, cg_store_visit *visit, void *cls, struct cg_error *err)
{
    struct keyring *ring = (struct keyring *)store;
    GHashTable *attributes;
    GAsyncResult *result;
    GError *reason = NULL;
    GList *items = NULL;
    enum cg_err rc = check_alive(ring, err);

    if (rc != CG_OK)
        return rc;
    attributes = secret_attributes_build(&schema, NULL);
    secret_service_search(ring->service, &schema, attributes,
                          SECRET_SEARCH_ALL | SECRET_SEARCH_UNLOCK | SECRET_SEARCH_LOAD_SECRETS, ring->cancel,
                          on_result, ring);
    if ((result = wait_for(ring, CALL_MS)) != NULL)
        items = secret_service_search_finish(ring->service, result, &reason);
    g_hash_table_unref(attributes);
    for (const GList *at = items; at; at = at->next)
        visit_item(at->data, visit, cls);
    g_list_free_full(items, g_object_unref);
    return settle(result, reason, err);
}

/* A call that never ended still holds the loop and this struct: then they stay. */
static void keyring_free(struct cg_store **store)
{
    struct keyring *ring = (struct keyring *)*store;

    *store = NULL;
    if (!ring || ring->dead)
        return;
    g_clear_object(&ring->service);
    g_clear_object(&ring->cancel);
    g_main_loop_unref(ring->loop);
    free(ring->store.where);
    free(ring);
}

/* The bus first: libsecret shares its connection, and GIO would end the process when that is lost. */
static enum cg_err reach_bus(struct keyring *ring, struct cg_error *err)
{
    GAsyncResult *result;
    GError *reason = NULL;
    GDBusConnection *bus = NULL;

    g_bus_get(G_BUS_TYPE_SESSION, ring->cancel, on_result, ring);
    if ((result = wait_for(ring, REACH_MS)) != NULL)
        bus = g_bus_get_finish(result, &reason);
    if (bus) {
        g_dbus_connection_set_exit_on_close(bus, FALSE);
        g_object_unref(bus);
    }
    return settle(result, reason, err);
}

static enum cg_err reach_service(struct keyring *ring, struct cg_error *err)
{
    GAsyncResult *result;
    GError *reason = NULL;

    secret_service_get(SECRET_SERVICE_OPEN_SESSION, ring->cancel, on_result, ring);
    if ((result = wait_for(ring, REACH_MS)) != NULL)
        ring->service = secret_service_get_finish(result, &reason);
    return settle(result, reason, err);
}

enum cg_err cg_keyring_open(struct cg_store **store_out, struct cg_error *err)
{
    static const struct cg_store_ops ops = {keyring_load, keyring_save, keyring_remove, keyring_each, keyring_free};
    const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
    struct cg_store *store;
    struct keyring *ring;

    if (!address || !*address)
        return cg_error_set(err, CG_ERR_ABSENT, "there is no desktop session (DBUS_SESSION_BUS_ADDRESS)");
    ring = cg_calloc(1, sizeof(*ring));
    ring->store = (struct cg_store){.ops = &ops, .where = cg_strdup("the desktop keyring")};
    ring->loop = g_main_loop_new(NULL, FALSE);
    ring->cancel = g_cancellable_new();
    store = &ring->store;
    if (reach_bus(ring, err) == CG_OK && reach_service(ring, err) == CG_OK) {
        *store_out = store;
        return CG_OK;
    }
    keyring_free(&store);
    return CG_ERR_ABSENT;
}

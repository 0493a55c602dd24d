/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "fixture.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "crategate/clock.h"
#include "fake_directory.h"
#include "fake_metadata.h"

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static unsigned gate_waiting;
static atomic_uint changes;

void fixture_gate(bool open)
{
    pthread_mutex_lock(&gate_lock);
    gate_open = open;
    pthread_cond_broadcast(&gate_moved);
    pthread_mutex_unlock(&gate_lock);
}

void fixture_gate_wait(unsigned count)
{
    pthread_mutex_lock(&gate_lock);
    while (gate_waiting < count)
        pthread_cond_wait(&gate_moved, &gate_lock);
    pthread_mutex_unlock(&gate_lock);
}

unsigned fixture_changes(void)
{
    return atomic_load(&changes);
}

char fixture_file_byte(size_t i)
{
    return (char)('a' + (i * 7 + i / 26) % 26);
}

/* Handlers */

static struct fixture *fixture_of(struct cg_request *req)
{
    return (struct fixture *)((char *)req->gw - offsetof(struct fixture, gw));
}

static enum cg_step say(struct cg_request *req)
{
    return cg_respond_text(req, 200, "text/plain", cg_identity_name(req->authn.caller.who));
}

static enum cg_step ask_slow(struct cg_request *req)
{
    (void)req;
    return CG_STEP_WAIT;
}

static enum cg_step gate(struct cg_request *req)
{
    pthread_mutex_lock(&gate_lock);
    gate_waiting++;
    pthread_cond_broadcast(&gate_moved);
    while (!gate_open)
        pthread_cond_wait(&gate_moved, &gate_lock);
    gate_waiting--;
    pthread_mutex_unlock(&gate_lock);
    return say(req);
}

static enum cg_step later(struct cg_request *req)
{
    req->resume_at_ms = cg_clock_mono_ms() + 300;
    return say(req);
}

static enum cg_step send_blob(struct cg_request *req)
{
    return cg_respond_blob(req, cg_blob_ref(fixture_of(req)->blob), "text/plain");
}

static enum cg_step send_file(struct cg_request *req)
{
    char path[96];
    struct cg_crate_file file = {.size = FILE_SIZE, .mtime = 1763791675};

    snprintf(path, sizeof(path), "%s/file", fixture_of(req)->root);
    file.fd = open(path, O_RDONLY | O_CLOEXEC);
    return cg_respond_file(req, &file, "\"file\"", "application/octet-stream");
}

static struct cg_feed *feed;

struct cg_feed *fixture_feed(void)
{
    cg_feed_unref(&feed);
    feed = cg_feed_new(memfd_create("feed", MFD_CLOEXEC));
    return cg_feed_ref(feed);
}

static enum cg_step send_feed(struct cg_request *req)
{
    struct cg_crate_file file = {.fd = -1, .feed = req->awaits, .mtime = 1763791675};
    struct cg_error err = {0};
    enum cg_err rc;

    req->awaits = NULL;
    if (!file.feed)
        file.feed = cg_feed_ref(feed);
    rc = cg_feed_begun(file.feed, NULL, &file.size, &err);
    if (rc == CG_ERR_AGAIN) {
        req->awaits = file.feed;
        return CG_STEP_WAIT;
    }
    if (rc != CG_OK) {
        cg_crate_file_close(&file);
        return cg_respond_error(req, &err);
    }
    return cg_respond_file(req, &file, "\"feed\"", "application/octet-stream");
}

static enum cg_step absent(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_ABSENT, "no such crate");
    return cg_respond_error(req, NULL);
}

static enum cg_step conflict(struct cg_request *req)
{
    struct cg_error err = {0};

    atomic_fetch_add(&changes, 1);
    cg_error_set(&err, CG_ERR_CONFLICT, "it exists with other bytes");
    return cg_respond_error(req, &err);
}

static enum cg_step echo(struct cg_request *req)
{
    size_t len;
    const char *text = cg_request_text(req, &len);

    return cg_respond_text(req, 200, "text/plain", text);
}

static enum cg_step query(struct cg_request *req)
{
    const char *q = cg_request_query(req, "q");

    return cg_respond_text(req, 200, "text/plain", q ? q : "(none)");
}

/* Answers with the size and the sum of all bytes. */
static enum cg_step publish(struct cg_request *req)
{
    struct cg_source source;
    unsigned char bytes[4096];
    uint64_t at = 0, sum = 0;
    struct cg_buf body;
    size_t got;

    atomic_fetch_add(&changes, 1);
    cg_request_source(req, &source);
    while (source.read(source.cls, at, bytes, sizeof(bytes), &got, &req->error) == CG_OK && got) {
        for (size_t i = 0; i < got; i++)
            sum += bytes[i];
        at += got;
    }
    req->audit_crate = "serde";
    req->audit_version = "1.0.0";
    req->audit_skip = cg_request_query(req, "unchanged") != NULL;
    cg_buf_init(&body, 256);
    cg_buf_addf(&body, "{\"size\":%llu,\"sum\":%llu}", (unsigned long long)source.size, (unsigned long long)sum);
    return cg_respond_json(req, 200, &body);
}

#define OPEN_ROUTE .auth = CG_AUTH_NONE, .event = CG_AUDIT_NONE
#define READ_ROUTE .action = CG_ACTION_READ, .auth = CG_AUTH_TOKEN, .event = CG_AUDIT_NONE
#define CHANGE_ROUTE .action = CG_ACTION_PUBLISH, .auth = CG_AUTH_TOKEN, .event = CG_AUDIT_PUBLISH

static const struct cg_route routes[] = {
    {.methods = CG_GET, .pattern = "/fast", OPEN_ROUTE, .fast = say},
    {.methods = CG_GET, .pattern = "/slow", OPEN_ROUTE, .slow = say},
    {.methods = CG_GET, .pattern = "/either", OPEN_ROUTE, .fast = ask_slow, .slow = say},
    {.methods = CG_GET, .pattern = "/gate", OPEN_ROUTE, .slow = gate},
    {.methods = CG_GET, .pattern = "/later", OPEN_ROUTE, .slow = later},
    {.methods = CG_GET, .pattern = "/blob", OPEN_ROUTE, .fast = send_blob},
    {.methods = CG_GET, .pattern = "/file", OPEN_ROUTE, .slow = send_file},
    {.methods = CG_GET, .pattern = "/feed", OPEN_ROUTE, .slow = send_feed},
    {.methods = CG_GET, .pattern = "/query", OPEN_ROUTE, .fast = query},
    {.methods = CG_PUT | CG_POST, .pattern = "/echo", OPEN_ROUTE, .body = CG_BODY_MEMORY, .slow = echo},
    {.methods = CG_PUT, .pattern = "/spool", OPEN_ROUTE, .body = CG_BODY_SPOOL, .slow = publish},
    {.methods = CG_GET, .pattern = "/login", .auth = CG_AUTH_PASSWORD, .event = CG_AUDIT_NONE, .fast = say},
    {.methods = CG_GET, .pattern = "/{ns}/read", READ_ROUTE, .fast = say},
    {.methods = CG_GET, .pattern = "/{ns}/absent", READ_ROUTE, .slow = absent},
    {.methods = CG_GET, .pattern = "/{ns}/jf", READ_ROUTE, .style = CG_STYLE_ARTIFACTORY, .slow = absent},
    {.methods = CG_PUT, .pattern = "/{ns}/new", CHANGE_ROUTE, .body = CG_BODY_SPOOL, .slow = publish},
    {.methods = CG_PUT, .pattern = "/{ns}/conflict", CHANGE_ROUTE, .body = CG_BODY_NONE, .slow = conflict},
};

/* The gateway */

static const char conf_format[] =
    "%spublic_url = \"http://crates.example/base\"\nlisten = [\"127.0.0.1:0\"]\nstate_dir = \"%s\"\n"
    "max_crate_size = \"1M\"\n[audit]\nfile = \"%s\"\n"
    "[ldap]\nuri = [\"ldap://127.0.0.1:1\"]\nstart_tls = \"never\"\nallow_plaintext = true\n"
    "bind_dn = \"cn=crategate,dc=example\"\nbind_password_file = \"%s/secret\"\n"
    "search_base = [\"ou=people,dc=example\"]\nsearch_filter = \"(uid={username})\"\n"
    "group_base = [\"ou=groups,dc=example\"]\nbasic_auth = \"everywhere\"\n"
    "[namespace.open]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"anonymous\"]\npublish = [\"user:alice\"]\n"
    "[namespace.closed]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"user:alice\"]\n"
    "publish = [\"user:alice\"]\n"
    "[artifactory.corp]\nurl = \"https://a.example\"\ntoken_file = \"%s/secret\"\n"
    "[namespace.stored]\nstorage = \"artifactory\"\nartifactory = \"corp\"\nrepository = \"cargo-stored-local\"\n"
    "read = [\"user:alice\"]\n"
    "[namespace.first]\nstorage = \"artifactory\"\nartifactory = \"corp\"\nrepository = \"cargo-shared\"\n"
    "read = [\"user:alice\"]\n";

static void must(enum cg_err rc, const struct cg_error *err, const char *what)
{
    if (rc == CG_OK)
        return;
    fprintf(stderr, "fixture: %s: %s (%s)\n", what, err->detail, err->internal);
    abort();
}

static void write_file(struct fixture *f, const char *name, const char *bytes, size_t len)
{
    char path[96];
    struct cg_error err = {0};

    snprintf(path, sizeof(path), "%s/%s", f->root, name);
    must(cg_file_replace(path, bytes, len, 0600, &err), &err, path);
}

static void write_files(struct fixture *f)
{
    char *bytes = cg_malloc(FILE_SIZE);

    for (size_t i = 0; i < FILE_SIZE; i++)
        bytes[i] = fixture_file_byte(i);
    write_file(f, "file", bytes, FILE_SIZE);
    write_file(f, "secret", "service", strlen("service"));
    free(bytes);
}

static struct cg_directory *directory_of(struct cg_gateway *gw)
{
    return ((struct fixture *)((char *)gw - offsetof(struct fixture, gw)))->dir;
}

static void open_conf(struct fixture *f, const char *extra)
{
    struct cg_error err = {0};
    struct cg_buf report;
    char *text = cg_asprintf(conf_format, extra, f->root, f->audit, f->root, f->root);

    cg_buf_init(&report, 65536);
    must(cg_conf_parse("test", text, strlen(text), &f->conf, &report, &err), &err, cg_buf_str(&report));
    cg_buf_free(&report);
    free(text);
}

static void open_people(struct fixture *f)
{
    f->dir = cg_fake_directory_new();
    cg_fake_directory_add_person(f->dir, "id-alice", "alice", "uid=alice,ou=people,dc=example", "wonderland", NULL);
    cg_fake_directory_add_person(f->dir, "id-bob", "bob", "uid=bob,ou=people,dc=example", "builder", NULL);
}

static void open_parts(struct fixture *f)
{
    struct cg_policy *policy = NULL;
    struct cg_error err = {0};

    must(cg_policy_new(f->conf, f->dir, &policy, &err), &err, "policy");
    cg_gateway_set_policy(&f->gw, policy);
    f->gw.metadata = cg_fake_metadata_new();
    must(cg_authn_new(f->conf, f->dir, f->gw.metadata, &f->gw.authn, &err), &err, "authn");
    must(cg_audit_open(f->audit, f->root, true, &f->gw.audit, &err), &err, "audit");
}

static struct cg_blob *make_blob(void)
{
    struct cg_buf text;
    struct cg_blob *blob;

    cg_buf_init(&text, 8192);
    for (int i = 0; i < 64; i++)
        cg_buf_addf(&text, "{\"name\":\"serde\",\"vers\":\"1.0.%d\"}\n", i);
    blob = cg_blob_new(cg_buf_str(&text), text.len, 1763791675, 1);
    cg_buf_free(&text);
    return blob;
}

void fixture_open(struct fixture *f, const char *extra, unsigned workers, size_t queue)
{
    *f = (struct fixture){.root = "/tmp/cg-http-XXXXXX"};
    if (!mkdtemp(f->root))
        abort();
    snprintf(f->spool, sizeof(f->spool), "%s/spool", f->root);
    snprintf(f->audit, sizeof(f->audit), "%s/audit.jsonl", f->root);
    if (mkdir(f->spool, 0700) != 0)
        abort();
    write_files(f);
    pthread_rwlock_init(&f->gw.policy_lock, NULL);
    open_conf(f, extra);
    open_people(f);
    open_parts(f);
    f->blob = make_blob();
    f->gw.routes = routes;
    f->gw.route_count = sizeof(routes) / sizeof(routes[0]);
    f->gw.directory = directory_of;
    f->gw.spool_dir = f->spool;
    f->gw.pool = cg_pool_new("test", workers, queue);
    f->gw.askers = cg_pool_new("ask", workers, queue);
    atomic_store(&changes, 0);
    fixture_gate(false);
}

static void remove_tree(const char *path)
{
    char *command = cg_asprintf("rm -rf '%s'", path);

    if (system(command) != 0)
        abort();
    free(command);
}

void fixture_close(struct fixture *f)
{
    struct cg_policy *policy = f->gw.policy;

    cg_feed_unref(&feed);
    cg_pool_free(&f->gw.askers);
    cg_pool_free(&f->gw.pool);
    cg_authn_free(&f->gw.authn);
    cg_audit_close(&f->gw.audit);
    cg_metadata_free(&f->gw.metadata);
    cg_policy_unref(&policy);
    cg_directory_free(&f->dir);
    cg_conf_unref(&f->conf);
    cg_blob_unref(&f->blob);
    pthread_rwlock_destroy(&f->gw.policy_lock);
    remove_tree(f->root);
}

char *fixture_trail(struct fixture *f)
{
    struct cg_error err = {0};
    struct cg_buf text;

    cg_audit_close(&f->gw.audit);
    cg_buf_init(&text, 1024 * 1024);
    must(cg_file_read(f->audit, &text, &err), &err, "trail");
    must(cg_audit_open(f->audit, f->root, true, &f->gw.audit, &err), &err, "audit");
    char *trail = cg_strdup(cg_buf_str(&text));

    cg_buf_free(&text);
    return trail;
}

void fixture_break_trail(struct fixture *f)
{
    struct cg_error err = {0};

    /* Every write to it fails with ENOSPC. */
    must(cg_audit_reopen(f->gw.audit, "/dev/full", true, &err), &err, "/dev/full");
}

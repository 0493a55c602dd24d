/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "fake_directory.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "temp_dir.h"
#include "metadata/sqlite/sqlite_metadata.h"
#include "storage/filesystem/fs_storage.h"
#include "tar_writer.h"

#define BYTES_MAX (64u * 1024 * 1024)
#define GROUPS ",ou=groups,dc=corp"

static const char spaces[] =
    "[namespace.payments]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"group:payments\", \"user:olga\"]\n"
    "publish = [\"group:payments\"]\nadmin = [\"user:root\"]\nprefixes = [\"pay-\"]\n"
    "[namespace.strict]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"authenticated\"]\n"
    "publish = [\"authenticated\"]\nrequired_fields = [\"description\", \"license\", \"keywords\", \"homepage\"]\n"
    "[namespace.platform]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"authenticated\"]\n"
    "publish = [\"user:alice\"]\n";

/* What the factory has to know; tests of one program run one after the other. */
static int drivers;
static bool factory_fails;
static struct cg_storage *payments;

void fx_factory_fails(bool fails)
{
    factory_fails = fails;
}

enum cg_err fx_factory(const struct cg_conf *conf, const struct cg_conf_namespace *ns, struct cg_storage **st_out,
                       struct cg_error *err)
{
    char *path = cg_asprintf("%s/namespaces/%s", conf->state_dir, ns->name);
    enum cg_err rc = CG_OK;

    if (factory_fails)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "no disk");
    else if (drivers & FX_REAL_STORAGE)
        rc = cg_fs_storage_new(path, st_out, err);
    else
        *st_out = cg_fake_storage_new();
    if (rc == CG_OK && strcmp(ns->name, "payments") == 0)
        payments = *st_out;
    free(path);
    return rc;
}

struct cg_conf *fx_conf(struct fx *f, const char *extra)
{
    char *secret = cg_asprintf("%s/secret", f->dir), *text;
    struct cg_conf *conf = NULL;
    FILE *file = fopen(secret, "w");

    assert_non_null(file);
    fputs("sesame\n", file);
    fclose(file);
    assert_int_equal(chmod(secret, 0600), 0);
    text = cg_asprintf("public_url = \"https://crates.corp.example\"\nstate_dir = \"%s\"\nmax_crate_size = \"1M\"\n"
                       "max_unpacked_size = \"4M\"\n[ldap]\nuri = [\"ldaps://l\"]\nbind_dn = \"cn=s,dc=corp\"\n"
                       "bind_password_file = \"%s\"\nsearch_base = [\"ou=people,dc=corp\"]\n"
                       "group_base = [\"ou=groups,dc=corp\"]\n%s%s",
                       f->dir, secret, spaces, extra);
    if (cg_conf_parse("t.toml", text, strlen(text), &conf, NULL, &f->err) != CG_OK)
        fail_msg("%s", f->err.detail);
    free(text);
    free(secret);
    return conf;
}

static void add_people(struct fx *f)
{
    const char *groups[] = {"cn=payments" GROUPS, NULL};

    cg_fake_directory_add_person(f->people, "id-paula", "paula", "uid=paula,dc=corp", "x", groups);
    cg_fake_directory_add_person(f->people, "id-alice", "alice", "uid=alice,dc=corp", "x", groups);
    cg_fake_directory_add_person(f->people, "id-olga", "olga", "uid=olga,dc=corp", "x", NULL);
    cg_fake_directory_add_person(f->people, "id-root", "root", "uid=root,dc=corp", "x", NULL);
    cg_fake_directory_add_person(f->people, "id-nora", "nora", "uid=nora,dc=corp", "x", NULL);
    cg_fake_directory_add_group(f->people, "cn=leads" GROUPS);
}

static struct cg_identity *find(struct fx *f, const char *name)
{
    struct cg_identity *who = NULL;

    assert_int_equal(f->people->ops->find(f->people, name, &who, NULL), CG_OK);
    return who;
}

static void make_policy(struct fx *f)
{
    struct cg_policy *unresolved = NULL;

    fx_ok(f, cg_policy_new(f->conf, f->people, &unresolved, &f->err));
    fx_ok(f, cg_policy_resolve(unresolved, f->people, &f->policy, NULL, &f->err));
    cg_policy_unref(&unresolved);
}

static void open_registry(struct fx *f)
{
    fx_ok(f, cg_registry_new(f->conf, f->md, fx_factory, &f->reg, &f->err));
    f->st = payments;
    cg_registry_tick(f->reg); /* as in a daemon that has been up for a second: it knows all names */
}

static int setup(void **state, int which)
{
    struct fx *f = cg_calloc(1, sizeof(*f));
    char *path;

    *state = f;
    f->drivers = drivers = which;
    f->dir = cg_temp_dir_new();
    f->conf = fx_conf(f, "");
    f->people = cg_fake_directory_new();
    add_people(f);
    make_policy(f);
    path = cg_asprintf("%s/crategate.db", f->dir);
    if (which & FX_REAL_DATABASE)
        fx_ok(f, cg_sqlite_metadata_new(path, &f->md, &f->err));
    else
        f->md = cg_fake_metadata_new();
    free(path);
    f->paula = find(f, "paula");
    f->alice = find(f, "alice");
    f->olga = find(f, "olga");
    f->root = find(f, "root");
    f->nora = find(f, "nora");
    f->anonymous = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, NULL, NULL, NULL);
    cg_identity_seal(f->anonymous);
    f->caller.who = f->paula;
    cg_buf_init(&f->out, 4 * 1024 * 1024);
    cg_buf_init(&f->crate, BYTES_MAX);
    cg_buf_init(&f->body, BYTES_MAX);
    open_registry(f);
    return 0;
}

int fx_setup(void **state)
{
    return setup(state, 0);
}

int fx_setup_real(void **state)
{
    return setup(state, FX_REAL_STORAGE | FX_REAL_DATABASE);
}

int fx_setup_real_database(void **state)
{
    return setup(state, FX_REAL_DATABASE);
}

int fx_teardown(void **state)
{
    struct fx *f = *state;

    cg_registry_free(&f->reg);
    cg_metadata_free(&f->md);
    cg_policy_unref(&f->policy);
    cg_directory_free(&f->people);
    cg_conf_unref(&f->conf);
    cg_identity_unref(&f->paula);
    cg_identity_unref(&f->alice);
    cg_identity_unref(&f->olga);
    cg_identity_unref(&f->root);
    cg_identity_unref(&f->nora);
    cg_identity_unref(&f->anonymous);
    cg_buf_free(&f->out);
    cg_buf_free(&f->crate);
    cg_buf_free(&f->body);
    cg_temp_dir_free(&f->dir);
    free(f);
    return 0;
}

void fx_restart(struct fx *f)
{
    assert_true(f->drivers & FX_REAL_STORAGE);
    cg_registry_free(&f->reg);
    open_registry(f);
}

void fx_crate_raw(struct cg_buf *out, const char *root, const char *manifest, const char *file, const char *content)
{
    char *path = cg_asprintf("%s/Cargo.toml", root);
    struct cg_buf tar;

    cg_buf_reset(out);
    cg_buf_init(&tar, BYTES_MAX);
    tar_file(&tar, path, manifest);
    free(path);
    if (file) {
        path = cg_asprintf("%s/%s", root, file);
        tar_file(&tar, path, content);
        free(path);
    }
    tar_end(&tar);
    tar_gzip(&tar, out);
    cg_buf_free(&tar);
}

void fx_crate(struct cg_buf *out, const char *name, const char *version, const char *toml, const char *file,
              const char *content)
{
    char *root = cg_asprintf("%s-%s", name, version);
    char *manifest = cg_asprintf("[package]\nname = \"%s\"\nversion = \"%s\"\nedition = \"2021\"\n"
                                 "description = \"about %s\"\nlicense = \"MIT\"\n%s",
                                 name, version, name, toml ? toml : "");

    fx_crate_raw(out, root, manifest, file, content);
    free(manifest);
    free(root);
}

static void add_length(struct cg_buf *out, size_t len)
{
    unsigned char bytes[4] = {(unsigned char)len, (unsigned char)(len >> 8), (unsigned char)(len >> 16),
                              (unsigned char)(len >> 24)};

    cg_buf_add(out, bytes, sizeof(bytes));
}

void fx_frame(struct cg_buf *out, const char *json, const struct cg_buf *crate)
{
    cg_buf_reset(out);
    add_length(out, strlen(json));
    cg_buf_addstr(out, json);
    add_length(out, crate->len);
    cg_buf_add(out, cg_buf_str(crate), crate->len);
}

static enum cg_err read_body(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    const struct cg_buf *body = cls;
    size_t left = offset < body->len ? body->len - (size_t)offset : 0;

    (void)err;
    *got_out = left < len ? left : len;
    memcpy(bytes, cg_buf_str(body) + offset, *got_out);
    return CG_OK;
}

struct cg_source fx_source(const struct cg_buf *body)
{
    return (struct cg_source){.size = body->len, .read = read_body, .cls = (void *)(uintptr_t)body};
}

enum cg_err fx_publish_body(struct fx *f, const char *ns, const struct cg_buf *body)
{
    struct cg_source source = fx_source(body);

    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = ns};
    f->err = (struct cg_error){0};
    cg_buf_reset(&f->out);
    return cg_registry_publish(f->reg, &f->change, &source, &f->out, &f->err);
}

enum cg_err fx_publish(struct fx *f, const char *name, const char *version, const char *toml, const char *json)
{
    char *metadata = cg_asprintf("{\"name\":\"%s\",\"vers\":\"%s\"%s}", name, version, json ? json : "");

    fx_crate(&f->crate, name, version, toml, NULL, NULL);
    fx_frame(&f->body, metadata, &f->crate);
    free(metadata);
    return fx_publish_body(f, "payments", &f->body);
}

enum cg_err fx_yank(struct fx *f, const char *name, const char *version, bool yanked)
{
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    f->err = (struct cg_error){0};
    cg_buf_reset(&f->out);
    return cg_registry_yank(f->reg, &f->change, name, version, yanked, &f->out, &f->err);
}

json_t *fx_json(struct fx *f)
{
    json_t *json = NULL;

    if (cg_json_parse(cg_buf_str(&f->out), f->out.len, &json, &f->err) != CG_OK)
        fail_msg("%s: %s", f->err.detail, cg_buf_str(&f->out));
    cg_buf_reset(&f->out);
    return json;
}

char *fx_stored_index(struct fx *f, const char *index_name)
{
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, BYTES_MAX);
    rc = f->st->ops->index_read(f->st, index_name, &text, NULL, NULL);
    if (rc == CG_OK)
        return cg_buf_take(&text);
    assert_int_equal(rc, CG_ERR_ABSENT);
    return NULL;
}

char *fx_served_index(struct fx *f, const char *path)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_registry_index(f->reg, "payments", path, &blob);
    char *text;

    if (rc == CG_ERR_AGAIN)
        rc = cg_registry_index_load(f->reg, "payments", path, &blob, &f->err);
    if (rc == CG_ERR_ABSENT)
        return NULL;
    fx_ok(f, rc);
    text = cg_strndup(blob->bytes, blob->len);
    cg_blob_unref(&blob);
    return text;
}

void fx_check(struct fx *f, enum cg_err rc, const char *what, int line)
{
    if (rc != CG_OK)
        fail_msg("line %d: %s: %s: %s (%s)", line, what, cg_err_name(rc), f->err.detail, f->err.internal);
}

void fx_check_refused(struct fx *f, enum cg_err rc, enum cg_err code, const char *text, int line)
{
    if (rc != code || !strstr(f->err.detail, text))
        fail_msg("line %d: %s: %s", line, cg_err_name(rc), f->err.detail);
    if (f->err.code != code)
        fail_msg("line %d: the error says %s", line, cg_err_name(f->err.code));
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "temp_dir.h"

struct cg_conf *fixture_conf(const struct fixture *f, const char *ldap)
{
    char *text = cg_asprintf("public_url = \"https://crates.corp.example\"\nstate_dir = \"%s\"\n"
                             "[ldap]\nuri = [\"ldaps://l\"]\nbind_dn = \"cn=s,dc=corp\"\n"
                             "bind_password_file = \"%s/secret\"\nsearch_base = [\"ou=people,dc=corp\"]\n%s",
                             f->path, f->path, ldap);
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};

    if (cg_conf_parse("t.toml", text, strlen(text), &conf, NULL, &err) != CG_OK)
        fail_msg("%s", err.detail);
    free(text);
    return conf;
}

static void write_secret(const struct fixture *f)
{
    char *path = cg_asprintf("%s/secret", f->path);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("sesame\n", file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
    free(path);
}

static void start(struct fixture *f)
{
    if (cg_authn_new(f->conf, f->dir, f->md, &f->authn, &f->err) != CG_OK)
        fail_msg("%s", f->err.detail);
}

struct fixture *fixture_new(const char *ldap)
{
    static const char *const team[] = {"cn=team-a,ou=groups,dc=corp", NULL};
    struct fixture *f = cg_calloc(1, sizeof(*f));

    f->path = cg_temp_dir_new();
    write_secret(f);
    f->conf = fixture_conf(f, ldap);
    f->dir = cg_fake_directory_new();
    f->md = cg_fake_metadata_new();
    cg_fake_directory_add_person(f->dir, "id-alice", "alice", "uid=alice,ou=people,dc=corp", "alicepw", team);
    cg_fake_directory_add_person(f->dir, "id-bob", "bob", "uid=bob,ou=people,dc=corp", "bobpw", NULL);
    cg_fake_directory_add_person(f->dir, "id-carol", "carol", "uid=carol,ou=people,dc=corp", "carolpw", NULL);
    cg_fake_directory_set_state(f->dir, "carol", CG_FAKE_LOCKED);
    cg_fake_directory_add_person(f->dir, "id-dave", "dave", "uid=dave,ou=people,dc=corp", "davepw", NULL);
    cg_fake_directory_set_state(f->dir, "dave", CG_FAKE_DISABLED);
    start(f);
    return f;
}

void fixture_restart(struct fixture *f)
{
    cg_caller_free(&f->answer.caller);
    cg_authn_free(&f->authn);
    start(f);
}

void fixture_free(struct fixture *f)
{
    cg_caller_free(&f->answer.caller);
    cg_authn_free(&f->authn);
    cg_metadata_free(&f->md);
    cg_directory_free(&f->dir);
    cg_conf_unref(&f->conf);
    cg_temp_dir_free(&f->path);
    free(f);
}

char *fixture_make(struct fixture *f, const struct cg_token *wanted)
{
    struct cg_secret secret = {0};
    struct cg_token *token = NULL;
    char *text;

    if (cg_authn_token_create(f->authn, wanted, &secret, &token, &f->err) != CG_OK)
        fail_msg("%s", f->err.detail);
    text = cg_strdup((const char *)secret.bytes);
    cg_secret_free(&secret);
    cg_token_unref(&token);
    return text;
}

char *fixture_token_of(struct fixture *f, const char *id, const char *name)
{
    struct cg_token *wanted = cg_token_new();
    char *text;

    wanted->name = cg_strdup("ci");
    wanted->owner_id = cg_strdup(id);
    wanted->owner_name = cg_strdup(name);
    wanted->actions = CG_ACTION_ALL;
    text = fixture_make(f, wanted);
    cg_token_unref(&wanted);
    return text;
}

char *fixture_token(struct fixture *f)
{
    return fixture_token_of(f, "id-alice", "alice");
}

enum cg_err try_request(struct fixture *f, const struct cg_authn_request *request, bool block)
{
    cg_caller_free(&f->answer.caller);
    memset(&f->err, 0, sizeof(f->err));
    return block ? cg_authn_slow(f->authn, request, &f->answer, &f->err)
                 : cg_authn_fast(f->authn, request, &f->answer, &f->err);
}

static enum cg_err try_one(struct fixture *f, const char *authorization, bool writes, bool block)
{
    struct cg_credentials cred;
    struct cg_authn_request request = {.cred = &cred, .address = "192.0.2.1", .secure = true, .writes = writes};
    enum cg_err rc;

    cg_credentials_parse(authorization, NULL, &cred);
    rc = try_request(f, &request, block);
    cg_credentials_free(&cred);
    return rc;
}

enum cg_err fast(struct fixture *f, const char *authorization)
{
    return try_one(f, authorization, false, false);
}

enum cg_err slow(struct fixture *f, const char *authorization)
{
    return try_one(f, authorization, false, true);
}

enum cg_err try_header(struct fixture *f, const char *authorization, bool writes)
{
    enum cg_err rc = try_one(f, authorization, writes, false);

    return rc == CG_ERR_AGAIN ? try_one(f, authorization, writes, true) : rc;
}

struct cg_credentials password_of(const char *user, const char *password)
{
    struct cg_credentials cred = {.kind = CG_CRED_PASSWORD, .username = cg_strdup(user)};

    cg_secret_set(&cred.secret, password, strlen(password));
    return cred;
}

enum cg_err log_in_from(struct fixture *f, const char *user, const char *password, const char *address)
{
    struct cg_credentials cred = password_of(user, password);
    struct cg_authn_request request = {.cred = &cred, .address = address, .secure = true, .password_ok = true};
    enum cg_err rc = try_request(f, &request, false);

    if (rc == CG_ERR_AGAIN)
        rc = try_request(f, &request, true);
    cg_credentials_free(&cred);
    return rc;
}

enum cg_err log_in(struct fixture *f, const char *user, const char *password)
{
    return log_in_from(f, user, password, "192.0.2.1");
}

char *basic(const char *user, const char *password)
{
    char *pair = cg_asprintf("%s:%s", user, password), *header;
    struct cg_buf out;

    cg_buf_init(&out, 4096);
    cg_base64_encode(pair, strlen(pair), &out);
    header = cg_asprintf("Basic %s", cg_buf_str(&out));
    cg_buf_free(&out);
    free(pair);
    return header;
}

void pause_ms(unsigned ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&pause, NULL);
}

unsigned logins(struct fixture *f)
{
    return atomic_load(&cg_fake_directory_counts(f->dir)->logins);
}

unsigned finds(struct fixture *f)
{
    return atomic_load(&cg_fake_directory_counts(f->dir)->finds);
}

unsigned revalidations(struct fixture *f)
{
    return atomic_load(&cg_fake_directory_counts(f->dir)->revalidations);
}

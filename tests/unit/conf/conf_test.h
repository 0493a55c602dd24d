/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the tests of this room share: small configurations and the files they name. */
#ifndef TESTS_UNIT_CONF_CONF_TEST_H
#define TESTS_UNIT_CONF_CONF_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf.h"

#define OUT_MAX (8 * 1024 * 1024)
#define URL "public_url = \"https://crates.corp.example\"\n"
/* SECRET stands for the path of a good secret file; expand() puts it in. */
#define LDAP                                                                                                           \
    "[ldap]\nuri = [\"ldaps://ldap1.corp.example\"]\nbind_dn = \"cn=crategate,dc=corp,dc=example\"\n"                  \
    "bind_password_file = \"SECRET\"\nsearch_base = [\"ou=people,dc=corp,dc=example\"]\n"
#define TEAMS "[teams]\ngroup_filter = \"(cn=rust-*)\"\n"

static char secret_path[] = "/tmp/crategate-test-secret-XXXXXX";

static inline void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file;

    unlink(path); /* it may be one that only root could write to */
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) != EOF);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline int make_secret(void **state)
{
    int fd = mkstemp(secret_path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    write_file(secret_path, "sesame-open-7351\n", 0600);
    return 0;
}

static inline int remove_secret(void **state)
{
    (void)state;
    return unlink(secret_path);
}

/* Every SECRET replaced by the path; fresh. */
static inline char *expand(const char *text)
{
    struct cg_buf out;

    cg_buf_init(&out, OUT_MAX);
    for (const char *hit; (hit = strstr(text, "SECRET")); text = hit + strlen("SECRET")) {
        cg_buf_add(&out, text, (size_t)(hit - text));
        cg_buf_addstr(&out, secret_path);
    }
    cg_buf_addstr(&out, text);
    return cg_buf_take(&out);
}

static inline struct cg_conf *parse_good(const char *text)
{
    char *whole = expand(text);
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    struct cg_buf report;

    cg_buf_init(&report, OUT_MAX);
    if (cg_conf_parse("t", whole, strlen(whole), &conf, &report, &err) != CG_OK)
        fail_msg("%s\n%s", whole, cg_buf_str(&report));
    assert_int_equal(report.len, 0);
    cg_buf_free(&report);
    free(whole);
    return conf;
}

static inline void expect_good(const char *text)
{
    struct cg_conf *conf = parse_good(text);

    cg_conf_unref(&conf);
}

/* The whole report is `problems`. */
static inline void expect_bad(const char *text, const char *problems)
{
    char *whole = expand(text), *expected = expand(problems);
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    struct cg_buf report;

    cg_buf_init(&report, OUT_MAX);
    assert_int_equal(cg_conf_parse("t", whole, strlen(whole), &conf, &report, &err), CG_ERR_INVALID);
    assert_null(conf);
    assert_string_equal(cg_buf_str(&report), expected);
    assert_memory_equal(err.detail, expected, strcspn(expected, "\n"));
    cg_buf_free(&report);
    free(expected);
    free(whole);
}

/* One problem, at that line and with that key, that says `reason` somewhere. */
static inline void expect_problem(const char *text, unsigned line, const char *key, const char *reason)
{
    char *whole = expand(text), *start = cg_asprintf("t:%u: %s: ", line, key);
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    struct cg_buf report;
    const char *got;

    cg_buf_init(&report, OUT_MAX);
    if (cg_conf_parse("t", whole, strlen(whole), &conf, &report, &err) != CG_ERR_INVALID)
        fail_msg("this was not refused:\n%s", whole);
    got = cg_buf_str(&report);
    if (strncmp(got, start, strlen(start)) != 0 || !strstr(got, reason) || strchr(got, '\n')[1] != '\0')
        fail_msg("for\n%s\nexpected %s... %s, got\n%s", whole, start, reason, got);
    cg_buf_free(&report);
    free(start);
    free(whole);
}

#endif

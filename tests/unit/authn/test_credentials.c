/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "authn/authn.h"
#include "authn/token_secret.h"
#include "base/mem.h"
#include "base/str.h"

static char *token_text(enum cg_token_kind kind)
{
    struct cg_secret secret = {0};
    char *text;

    cg_token_secret_make(kind, &secret);
    text = cg_strdup((const char *)secret.bytes);
    cg_secret_free(&secret);
    return text;
}

static char *basic_of(const void *pair, size_t len)
{
    struct cg_buf out;

    cg_buf_init(&out, 65536);
    cg_buf_addstr(&out, "Basic ");
    cg_base64_encode(pair, len, &out);
    return cg_buf_take(&out);
}

static void expect(const char *authorization, const char *key, enum cg_credentials_kind kind, const char *user,
                   const char *secret)
{
    struct cg_credentials cred;

    cg_credentials_parse(authorization, key, &cred);
    if (cred.kind != kind)
        fail_msg("\"%.60s\": kind %d (%s)", authorization ? authorization : "-", (int)cred.kind, cred.problem);
    assert_true(cg_streq(cred.username, user));
    assert_true(cg_streq((const char *)cred.secret.bytes, secret));
    assert_int_equal(kind == CG_CRED_MALFORMED, cred.problem[0] != '\0');
    cg_credentials_free(&cred);
    assert_null(cred.username);
    assert_null(cred.secret.bytes);
}

static void expect_malformed(const char *authorization, const char *word)
{
    struct cg_credentials cred;

    cg_credentials_parse(authorization, NULL, &cred);
    assert_int_equal(cred.kind, CG_CRED_MALFORMED);
    if (!strstr(cred.problem, word))
        fail_msg("\"%s\" does not say \"%s\"", cred.problem, word);
    cg_credentials_free(&cred);
}

static void expect_pair(const void *pair, size_t len, enum cg_credentials_kind kind, const char *user,
                        const char *secret)
{
    char *header = basic_of(pair, len);

    expect(header, NULL, kind, user, secret);
    free(header);
}

static void nothing_is_nothing(void **state)
{
    (void)state;
    expect(NULL, NULL, CG_CRED_NONE, NULL, NULL);
}

static void a_token_may_be_bare_or_behind_a_scheme_in_any_case(void **state)
{
    char *token = token_text(CG_TOKEN_PERSON);
    const char *const forms[] = {"%s", "Bearer %s", "bearer %s", "BEARER   %s", "Token %s", "token\t%s", "  %s  "};

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        const char *at = strstr(forms[i], "%s");
        char *header = cg_asprintf("%.*s%s%s", (int)(at - forms[i]), forms[i], token, at + 2);

        expect(header, NULL, CG_CRED_TOKEN, NULL, token);
        free(header);
    }
    free(token);
}

static void artifactorys_key_counts_only_without_authorization(void **state)
{
    (void)state;
    expect(NULL, "cgp_x", CG_CRED_TOKEN, NULL, "cgp_x");
    expect("cgp_y", "cgp_x", CG_CRED_TOKEN, NULL, "cgp_y");
    expect("", "cgp_x", CG_CRED_MALFORMED, NULL, NULL);
    expect(NULL, "", CG_CRED_MALFORMED, NULL, NULL);
    expect(NULL, "a b", CG_CRED_MALFORMED, NULL, NULL);
}

static void basic_holds_a_password(void **state)
{
    (void)state;
    expect("Basic YWxpY2U6YWxpY2Vwdw==", NULL, CG_CRED_PASSWORD, "alice", "alicepw");
    expect("bAsIc  YWxpY2U6YWxpY2Vwdw", NULL, CG_CRED_PASSWORD, "alice", "alicepw");
    expect_pair("a:b:c", 5, CG_CRED_PASSWORD, "a", "b:c");
    expect_pair("j\xc3\xbcrgen:p\xc3\xa4ss", 13, CG_CRED_PASSWORD, "j\xc3\xbcrgen", "p\xc3\xa4ss");
    expect_pair("a:", 2, CG_CRED_PASSWORD, "a", NULL);
}

static void basic_may_hold_a_token(void **state)
{
    char *token = token_text(CG_TOKEN_SERVICE), *pair = cg_asprintf("ci:%s", token);

    (void)state;
    expect_pair(pair, strlen(pair), CG_CRED_TOKEN, "ci", token);
    pair[strlen(pair) - 1] ^= 1; /* the check does not fit: it is some password */
    expect_pair(pair, strlen(pair), CG_CRED_PASSWORD, "ci", pair + 3);
    free(pair);
    free(token);
}

/* Pitfall 2 */
static void nul_and_control_characters_are_refused_at_the_edge(void **state)
{
    (void)state;
    expect_pair("al\0ice:pw", 9, CG_CRED_MALFORMED, NULL, NULL);
    expect_pair("alice:p\0w", 9, CG_CRED_MALFORMED, NULL, NULL);
    expect_pair("alice:\0", 7, CG_CRED_MALFORMED, NULL, NULL);
    expect_pair("alice\n:pw", 9, CG_CRED_MALFORMED, NULL, NULL);
    expect_pair("alice:p\x7f", 8, CG_CRED_MALFORMED, NULL, NULL);
    expect_malformed("cgp_a\001b", "blanks");
}

static void what_cannot_be_read_is_malformed_and_says_why(void **state)
{
    (void)state;
    expect_malformed("", "no token");
    expect_malformed("   ", "no token");
    expect_malformed("Bearer", "no token");
    expect_malformed("Token  ", "no token");
    expect_malformed("Basic", "base64");
    expect_malformed("Basic !!!", "base64");
    expect_malformed("Basic YWxpY2U=", "user:password"); /* "alice" */
    expect_malformed("Basic OnB3", "no user name");      /* ":pw" */
    expect_malformed("Digest username=\"x\", nonce=\"y\"", "one token");
    expect_malformed("Bearer cgp_a cgp_b", "one token");
    expect_malformed("cgp_a, cgp_b", "one token");
    expect_pair("\xff\xfe:pw", 5, CG_CRED_MALFORMED, NULL, NULL);
}

static void words_that_begin_like_a_scheme_are_tokens(void **state)
{
    (void)state;
    expect("Bearerx", NULL, CG_CRED_TOKEN, NULL, "Bearerx");
    expect("Tokens", NULL, CG_CRED_TOKEN, NULL, "Tokens");
}

static void everything_has_a_longest_length(void **state)
{
    char big[9001], pair[1400];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    expect_malformed(big, "8 KiB");
    expect(NULL, big, CG_CRED_MALFORMED, NULL, NULL);
    memset(pair, 'x', sizeof(pair));
    pair[128] = ':';
    expect_pair(pair, 129 + 1025, CG_CRED_MALFORMED, NULL, NULL);
    pair[128] = 'x';
    pair[129] = ':';
    expect_pair(pair, 140, CG_CRED_MALFORMED, NULL, NULL);
    pair[1] = ':';
    pair[129] = 'x';
    pair[2 + 1024] = '\0';
    expect_pair(pair, 2 + 1024, CG_CRED_PASSWORD, "x", pair + 2);
}

static void a_token_has_prefix_length_alphabet_and_check(void **state)
{
    struct cg_secret a = {0}, b = {0};

    (void)state;
    cg_token_secret_make(CG_TOKEN_PERSON, &a);
    cg_token_secret_make(CG_TOKEN_SERVICE, &b);
    assert_int_equal(a.len, CG_TOKEN_SECRET_LEN);
    assert_memory_equal(a.bytes, "cgp_", 4);
    assert_memory_equal(b.bytes, "cgs_", 4);
    assert_memory_not_equal(a.bytes + 4, b.bytes + 4, 36);
    assert_true(cg_token_secret_plausible(a.bytes, a.len));
    assert_true(cg_token_secret_plausible(b.bytes, b.len));
    assert_false(cg_token_secret_plausible(a.bytes, a.len - 1));
    assert_false(cg_token_secret_plausible(a.bytes, a.len + 1));
    for (size_t i = 0; i < a.len; i++) {
        unsigned char old = a.bytes[i];

        a.bytes[i] = old == 'Z' ? 'Y' : 'Z';
        assert_false(cg_token_secret_plausible(a.bytes, a.len));
        a.bytes[i] = i % 2 ? '-' : '\0';
        assert_false(cg_token_secret_plausible(a.bytes, a.len));
        a.bytes[i] = old;
    }
    cg_secret_free(&a);
    cg_secret_free(&b);
    cg_secret_free(&b);
}

/* Reckoned by another program (Python's zlib.crc32), so that writer and reader cannot be wrong together. */
static void the_check_is_the_crc_of_the_random_part_in_base_62(void **state)
{
    (void)state;
    assert_true(cg_token_secret_plausible("cgp_0000000000000000000000000000002C8GjS", 40));
    assert_true(cg_token_secret_plausible("cgs_abcdefghijklmnopqrstuvwxyzABCD4dNndU", 40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_nothing),
        cmocka_unit_test(a_token_may_be_bare_or_behind_a_scheme_in_any_case),
        cmocka_unit_test(artifactorys_key_counts_only_without_authorization),
        cmocka_unit_test(basic_holds_a_password),
        cmocka_unit_test(basic_may_hold_a_token),
        cmocka_unit_test(nul_and_control_characters_are_refused_at_the_edge),
        cmocka_unit_test(what_cannot_be_read_is_malformed_and_says_why),
        cmocka_unit_test(words_that_begin_like_a_scheme_are_tokens),
        cmocka_unit_test(everything_has_a_longest_length),
        cmocka_unit_test(a_token_has_prefix_length_alphabet_and_check),
        cmocka_unit_test(the_check_is_the_crc_of_the_random_part_in_base_62),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

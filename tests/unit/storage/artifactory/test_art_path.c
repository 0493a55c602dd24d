/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "storage/artifactory/art_path.h"

#define HOME "https://art.example/artifactory"
#define FILE_URL HOME "/r/crates/a/a-1.crate"

static void same(struct cg_buf *out, const char *text)
{
    assert_string_equal(cg_buf_str(out), text);
    cg_buf_free(out);
}

static void paths_are_encoded_but_for_their_slashes(void **state)
{
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1000);
    cg_art_path_file(&out, HOME, "team-a", "crates/demo/demo-1.0.0+b;x=1%2f?#.crate");
    same(&out, HOME "/team-a/crates/demo/demo-1.0.0%2Bb%3Bx%3D1%252f%3F%23.crate");
    cg_art_path_storage(&out, HOME, "team-a", "");
    same(&out, HOME "/api/storage/team-a");
    cg_art_path_storage(&out, HOME, "team-a", "crates/\303\251");
    same(&out, HOME "/api/storage/team-a/crates/%C3%A9");
}

static void separators_in_values_are_escaped(void **state)
{
    const struct cg_art_prop props[] = {{"crategate.publisher", "a;b=c,d|e\\f g"}, {"empty", ""}, {"x", "1.0+2"}};
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1000);
    cg_art_path_props(&out, ";", props, 3);
    same(&out, ";crategate.publisher=a%5C%3Bb%5C%3Dc%5C%2Cd%5C%7Ce%5C%5Cf%20g;x=1.0%2B2");
    cg_art_path_props(&out, "", props + 2, 1);
    same(&out, "x=1.0%2B2");
}

static void paths_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const bad[] = {"",    "/a",  "a/",   "a//b", "..",   "a/../b",
                                      "./a", "a/.", "a\nb", "a\\b", "\x7f", "\xff\xfe"};
    static const char *const good[] = {"a",       "crates/a/a-1.0.0+x.crate", ".crategate-check/x", "a/..b", "a/...",
                                       "\303\251"};
    char deep[CG_ART_PATH_MAX + 2];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cg_art_path_ok(bad[i]));
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(cg_art_path_ok(good[i]));
    memset(deep, 'a', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_false(cg_art_path_ok(deep));
    deep[sizeof(deep) - 2] = '\0';
    assert_true(cg_art_path_ok(deep));
}

static void leads(const char *from, const char *location, const char *to)
{
    struct cg_error err = {0};
    char *next = NULL;

    assert_int_equal(cg_art_path_redirect(HOME, from, location, &next, &err), CG_OK);
    assert_string_equal(next, to);
    free(next);
}

static void leads_nowhere(const char *home, const char *from, const char *location)
{
    struct cg_error err = {0};
    char *next = NULL;

    assert_int_equal(cg_art_path_redirect(home, from, location, &next, &err), CG_ERR_UNAVAILABLE);
    assert_null(next);
    assert_non_null(strstr(err.detail, "redirect"));
}

static void redirects_are_followed_to_public_places(void **state)
{
    (void)state;
    leads(FILE_URL, "https://bucket.example/x?Signature=a%2Bb", "https://bucket.example/x?Signature=a%2Bb");
    leads(FILE_URL, "/elsewhere", "https://art.example/elsewhere");
    leads(FILE_URL, "//cdn.example/x", "https://cdn.example/x");
    leads(FILE_URL, "https://8.8.8.8/x", "https://8.8.8.8/x");
    leads("http://art.example/artifactory/r/a", "https://cdn.example/x", "https://cdn.example/x");
    leads("http://art.example/artifactory/r/a", "http://cdn.example/x", "http://cdn.example/x");
}

static void redirects_to_private_places_are_not_followed(void **state)
{
    static const char *const bad[] = {
        "http://bucket.example/x", /* from https */
        "ftp://bucket.example/x",     "file:///etc/passwd",   "gopher://bucket.example/", "https://u:p@bucket.example/",
        "https://127.0.0.1/x",        "https://2130706433/x", "https://0x7f.1/x",         "https://10.1.2.3/",
        "https://172.31.0.1/",        "https://192.168.0.1/", "https://169.254.169.254/", "https://100.64.0.1/",
        "https://0.0.0.0/",           "https://[::1]/",       "https://[fe80::1]/",       "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/", "https://localhost/",   "https://LOCALHOST/",       "https://",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        leads_nowhere(HOME, FILE_URL, bad[i]);
}

static void private_address_of_the_instance_itself_is_fine(void **state)
{
    struct cg_error err = {0};
    char *next = NULL;

    (void)state;
    assert_int_equal(cg_art_path_redirect("http://10.0.0.5:8081/artifactory", "http://10.0.0.5:8081/artifactory/r/a",
                                          "http://10.0.0.5:9000/signed", &next, &err),
                     CG_OK);
    assert_string_equal(next, "http://10.0.0.5:9000/signed");
    free(next);
    leads_nowhere("http://10.0.0.5:8081/artifactory", "http://10.0.0.5:8081/artifactory/r/a", "http://10.0.0.6/");
}

static bool is_private(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return cg_art_address_private((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return cg_art_address_private((const struct sockaddr *)&v6);
}

static void private_ranges_end_where_they_end(void **state)
{
    static const char *const inside[] = {
        "10.0.0.0",      "10.255.255.255", "172.16.0.0", "172.31.255.255",  "127.1.2.3",
        "192.168.9.9",   "169.254.0.1",    "224.0.0.1",  "255.255.255.255", "::",
        "::1",           "fc00::1",        "fdff::1",    "fe80::1",         "ff02::1",
        "64:ff9b::a00:1"};
    static const char *const outside[] = {"9.255.255.255", "11.0.0.0",    "172.15.255.255", "172.32.0.0",
                                          "126.0.0.1",     "192.167.1.1", "100.128.0.1",    "169.253.1.1",
                                          "223.255.0.1",   "2001:db8::1", "::2:1",          "64:ff9b::808:808"};

    (void)state;
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        assert_true(is_private(inside[i]));
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        assert_false(is_private(outside[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_encoded_but_for_their_slashes),
        cmocka_unit_test(separators_in_values_are_escaped),
        cmocka_unit_test(paths_that_lead_elsewhere_are_refused),
        cmocka_unit_test(redirects_are_followed_to_public_places),
        cmocka_unit_test(redirects_to_private_places_are_not_followed),
        cmocka_unit_test(private_address_of_the_instance_itself_is_fine),
        cmocka_unit_test(private_ranges_end_where_they_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

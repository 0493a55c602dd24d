/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "credential/target.h"

static void expect(const char *url, const char *base, const char *ns)
{
    struct cg_target target = {0};

    assert_int_equal(cg_target_parse(url, &target, NULL), CG_OK);
    assert_string_equal(target.base, base);
    assert_string_equal(target.ns, ns);
    cg_target_free(&target);
    cg_target_free(&target);
}

static void expect_error(const char *url, enum cg_err wanted)
{
    struct cg_target target = {0};
    struct cg_error err = {0};

    if (cg_target_parse(url, &target, &err) != wanted)
        fail_msg("%s: not %s", url, cg_err_name(wanted));
    assert_null(target.base);
    assert_true(err.detail[0]);
}

static void a_registry_is_a_base_and_a_namespace(void **state)
{
    (void)state;
    expect("sparse+https://crates.corp/api/cargo/payments/index/", "https://crates.corp", "payments");
    expect("sparse+https://corp/artifactory/api/cargo/a-1/index/", "https://corp/artifactory", "a-1");
    expect("sparse+https://corp/api/cargo/x/api/cargo/y/index/", "https://corp/api/cargo/x", "y");
    expect("sparse+https://10.0.0.1:8443/a/b/api/cargo/y/index/", "https://10.0.0.1:8443/a/b", "y");
    expect("sparse+https://[2001:db8::1]:8443/api/cargo/y/index/", "https://[2001:db8::1]:8443", "y");
}

static void spellings_of_one_gateway_are_one(void **state)
{
    (void)state;
    expect("sparse+HTTPS://Crates.Corp:443/api/cargo/p/index/", "https://crates.corp", "p");
    expect("sparse+https://crates.corp:0443/api/cargo/p/index/", "https://crates.corp", "p");
    expect("sparse+http://LOCALHOST:80/api/cargo/p/index/", "http://localhost", "p");
    expect("sparse+https://crates.corp:80/Path/api/cargo/p/index/", "https://crates.corp:80/Path", "p");
}

static void other_registries_are_left_to_other_providers(void **state)
{
    static const char *const urls[] = {
        "",
        "sparse+",
        "https://github.com/rust-lang/crates.io-index",
        "sparse+https://index.crates.io/",
        "https://h/api/cargo/p/index/",
        "sparse+https://h/api/cargo/p/index",
        "sparse+https://h/api/cargo/p/index/x",
        "sparse+https://h/api/cargo//index/",
        "sparse+https://h/api/cargo/UPPER/index/",
        "sparse+https://h/api/cargo/a/b/index/",
        "sparse+ftp://h/api/cargo/p/index/",
        "sparse+/api/cargo/p/index/",
        "sparse+https:///api/cargo/p/index/",
        "sparse+https://h:0/api/cargo/p/index/",
        "sparse+https://h:65536/api/cargo/p/index/",
        "sparse+https://h:x/api/cargo/p/index/",
        "sparse+https://u:pw@h/api/cargo/p/index/",
        "sparse+https://h/?/api/cargo/p/index/",
        "sparse+https://h/a//b/api/cargo/p/index/",
        "sparse+https://h/../api/cargo/p/index/",
        "sparse+https://h/\033[2J/api/cargo/p/index/",
        "sparse+https://h\xc3\xa4/api/cargo/p/index/",
        "sparse+https://[::1/api/cargo/p/index/",
        "sparse+https://[x]/api/cargo/p/index/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        expect_error(urls[i], CG_ERR_INVALID);
}

static void a_url_of_any_length_is_refused(void **state)
{
    char *url = cg_malloc(4096);

    (void)state;
    memset(url, 'a', 4095);
    memcpy(url, "sparse+https://", 15);
    strcpy(url + 4095 - strlen("/api/cargo/p/index/"), "/api/cargo/p/index/");
    expect_error(url, CG_ERR_INVALID);
    free(url);
}

static void cleartext_is_for_this_machine_only(void **state)
{
    static const char *const hosts[] = {"crates.corp", "localhost.corp", "127.corp",      "10.0.0.1",
                                        "0.0.0.0",     "127.1",          "[2001:db8::1]", "[::ffff:127.0.0.1]",
                                        "0x7f.0.0.1",  "2130706433"};

    (void)state;
    expect("sparse+http://localhost:1/api/cargo/p/index/", "http://localhost:1", "p");
    expect("sparse+http://127.0.0.1:1/api/cargo/p/index/", "http://127.0.0.1:1", "p");
    expect("sparse+http://127.9.9.9/api/cargo/p/index/", "http://127.9.9.9", "p");
    expect("sparse+http://[::1]:1/api/cargo/p/index/", "http://[::1]:1", "p");
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        char *url = cg_asprintf("sparse+http://%s/api/cargo/p/index/", hosts[i]);

        expect_error(url, CG_ERR_DENIED);
        free(url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_registry_is_a_base_and_a_namespace),
        cmocka_unit_test(spellings_of_one_gateway_are_one),
        cmocka_unit_test(other_registries_are_left_to_other_providers),
        cmocka_unit_test(a_url_of_any_length_is_refused),
        cmocka_unit_test(cleartext_is_for_this_machine_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "registry/registry_url.h"

static char ns_pay[] = "payments", ns_plat[] = "platform", base[] = "https://crates.corp.example/artifactory";
static char allowed_sparse[] = "sparse+https://other.example/index/", allowed_bare[] = "sparse+https://bare.example/i";
static char allowed_git[] = "https://git.example/idx.git", allowed_ssh[] = "ssh://git@git.example/idx.git";
static char *allowed[] = {allowed_sparse, allowed_bare, allowed_git, allowed_ssh, NULL};
static struct cg_conf_namespace namespaces[] = {{.name = ns_pay, .allowed_registries = allowed}, {.name = ns_plat}};
static struct cg_conf conf = {.public_url = base, .namespaces = namespaces, .namespace_count = 2};

/* wanted NULL: this registry. */
static void assert_is(const char *url, const char *wanted)
{
    char untouched[] = "untouched", *out = untouched;
    struct cg_error err = {0};
    enum cg_err ret = cg_registry_url_resolve(&conf, "payments", url, &out, &err);
    if (ret != CG_OK)
        print_error("%s: %s\n", url ? url : "(none)", err.detail);
    assert_int_equal(ret, CG_OK);
    if (wanted) {
        assert_string_equal(out, wanted);
        free(out);
    } else {
        assert_null(out);
    }
}

static void assert_refused(const char *url, enum cg_err wanted)
{
    char untouched[] = "untouched", *out = untouched;
    struct cg_error err = {0};
    enum cg_err ret = cg_registry_url_resolve(&conf, "payments", url, &out, &err);
    if (ret != wanted)
        print_error("%s\n", url);
    assert_int_equal(ret, wanted);
    assert_ptr_equal(out, untouched);
    assert_non_null(strstr(err.detail, "dependency-registry"));
}

static void missing_url_means_crates_io(void **state)
{
    (void)state;
    assert_is(NULL, CG_CRATES_IO_INDEX);
}

static void every_spelling_of_crates_io_is_one(void **state)
{
    (void)state;
    assert_is("https://github.com/rust-lang/crates.io-index", CG_CRATES_IO_INDEX);
    assert_is("registry+https://GitHub.com/Rust-Lang/crates.io-index.git/", CG_CRATES_IO_INDEX);
    assert_is("sparse+https://index.crates.io/", CG_CRATES_IO_INDEX);
    assert_refused("ssh://index.crates.io/", CG_ERR_DENIED);
    assert_refused("sparse+https://index.crates.io.evil.example/", CG_ERR_DENIED);
    assert_refused("https://github.com/rust-lang/crates.io-index2", CG_ERR_DENIED);
}

static void every_spelling_of_our_url_is_this_registry(void **state)
{
    static const char *const urls[] = {
        "sparse+https://crates.corp.example/artifactory/api/cargo/payments/index/",
        "sparse+https://crates.corp.example/artifactory/api/cargo/payments/index",
        "sparse+https://crates.corp.example/api/cargo/payments/index/",
        "sparse+HTTPS://CRATES.corp.example:443/api/cargo/payments/index/",
        "sparse+http://crates.corp.example:80/artifactory/api/cargo/payments/index/",
        "https://crates.corp.example/artifactory/git/payments.git",
        "registry+https://crates.corp.example/git/payments.git/",
        "https://crates.corp.example/git/payments",
        "sparse+https://crates.corp.example/git/payments.git",
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_is(urls[i], NULL);
}

static void other_namespace_gets_its_canonical_url(void **state)
{
    (void)state;
    assert_is("sparse+http://crates.corp.example/api/cargo/platform/index",
              "sparse+https://crates.corp.example/artifactory/api/cargo/platform/index/");
    assert_is("https://crates.corp.example/git/platform.git",
              "sparse+https://crates.corp.example/artifactory/api/cargo/platform/index/");
}

static void what_is_not_ours_on_our_host_is_denied(void **state)
{
    static const char *const urls[] = {
        "sparse+https://crates.corp.example/api/cargo/nowhere/index/",
        "sparse+https://crates.corp.example/api/cargo/PAYMENTS/index/",
        "sparse+https://crates.corp.example/api/cargo/payments/",
        "sparse+https://crates.corp.example/api/cargo/payments/index/more/",
        "sparse+https://crates.corp.example/api/cargo/payments",
        "sparse+https://crates.corp.example/x/api/cargo/payments/index/",
        "sparse+https://crates.corp.example:8443/api/cargo/payments/index/",
        "sparse+https://evil.example/api/cargo/payments/index/",
        "ssh://crates.corp.example/git/payments.git",
        "https://crates.corp.example/git/",
        "https://crates.corp.example/",
        "https://crates.corp.example/git/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_refused(urls[i], CG_ERR_DENIED);
}

static void allowed_registries_are_taken_in_their_configured_spelling(void **state)
{
    (void)state;
    assert_is("sparse+https://OTHER.example:443/index", allowed_sparse);
    assert_is("sparse+https://bare.example/i/", "sparse+https://bare.example/i/");
    assert_is("https://git.example/idx", allowed_git);
    assert_is("ssh://git@git.example:22/idx.git", allowed_ssh);
    assert_refused("https://other.example/index/", CG_ERR_DENIED); /* a Git index is another registry */
    assert_refused("http://git.example/idx.git", CG_ERR_DENIED);
    assert_refused("sparse+https://other.example/", CG_ERR_DENIED);
}

static void unknown_namespace_allows_nothing_else(void **state)
{
    (void)state;
    char *out = NULL;
    assert_int_equal(cg_registry_url_resolve(&conf, "gone", allowed_sparse, &out, NULL), CG_ERR_DENIED);
}

static void what_is_no_index_url_is_invalid(void **state)
{
    static const char *const urls[] = {
        "",
        "my-registry",
        "sparse+",
        "https:/x",
        "ftp://x/",
        "sparse+file:///x",
        "sparse+ssh://x/",
        "https://",
        "https:///x",
        "https://u@x/",
        "https://u:p@x/",
        "https://x/?q=1",
        "https://x/#f",
        "https://x/a/../b",
        "https://x/./b",
        "https://x/..",
        "https://x/a//b",
        "https://x/%2e%2e/b",
        "https://x/a b",
        "https://x/a\\b",
        "https://x y/",
        "https://x/\x01",
        "https://x/\xc3\xbc\x7f",
        "https://x\xc3\xbc/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_refused(urls[i], CG_ERR_INVALID);
    char text[3000] = "https://";
    memset(text + 8, 'x', 300);
    assert_refused(text, CG_ERR_INVALID);
    memset(text + 8, 'x', 2500);
    assert_refused(text, CG_ERR_INVALID);
}

static void repository_of_artifactory_that_a_namespace_fronts_is_that_namespace(void **state)
{
    static char art_name[] = "corp", art_url[] = "https://art.corp.example/artifactory", local[] = "cargo-vault-local",
                shared[] = "Cargo_shared.local", vault[] = "vault", twin[] = "twin";
    static struct cg_conf_artifactory instances[] = {{.name = art_name, .url = art_url}};
    static struct cg_conf_namespace spaces[] = {
        {.name = ns_pay, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = art_name, .repository = shared},
        {.name = vault, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = art_name, .repository = local},
        {.name = twin, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = art_name, .repository = shared}};
    const char *ours = "sparse+https://crates.corp.example/artifactory/api/cargo/vault/index/";
    struct cg_conf before = conf;
    char named[CG_NAMESPACE_MAX + 1];

    (void)state;
    conf.namespaces = spaces;
    conf.namespace_count = 3;
    conf.artifactories = instances;
    conf.artifactory_count = 1;
    assert_is("sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/", ours);
    assert_is("sparse+http://ART.corp.example:80/api/cargo/cargo-vault-local/index", ours);
    assert_is("https://art.corp.example/artifactory/git/cargo-vault-local.git", ours);
    /* on the host name that the gateway has taken over */
    assert_is("sparse+https://crates.corp.example/artifactory/api/cargo/cargo-vault-local/index/", ours);
    /* two front it, and one of them asks */
    assert_is("sparse+https://art.corp.example/artifactory/api/cargo/Cargo_shared.local/index/", NULL);
    assert_false(cg_registry_url_own(
        &conf, "vault", "sparse+https://art.corp.example/artifactory/api/cargo/Cargo_shared.local/index/", named));
    assert_refused("sparse+https://art.corp.example/artifactory/api/cargo/other-local/index/", CG_ERR_DENIED);
    assert_refused("sparse+https://else.corp.example/artifactory/api/cargo/cargo-vault-local/index/", CG_ERR_DENIED);
    assert_refused("sparse+https://crates.corp.example/api/cargo/Not.Ours/index/", CG_ERR_DENIED);
    /* for who may not know */
    char *out = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_registry_url_resolve_literally(
                         &conf, "payments", "sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/",
                         &out, &err),
                     CG_ERR_DENIED);
    assert_null(strstr(err.detail, "namespace \"vault\""));
    assert_true(cg_registry_url_own(
        &conf, NULL, "sparse+https://crates.corp.example/artifactory/api/cargo/cargo-vault-local/index/", named));
    assert_string_equal(named, "cargo-vault-local");
    conf = before;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_url_means_crates_io),
        cmocka_unit_test(every_spelling_of_crates_io_is_one),
        cmocka_unit_test(every_spelling_of_our_url_is_this_registry),
        cmocka_unit_test(other_namespace_gets_its_canonical_url),
        cmocka_unit_test(what_is_not_ours_on_our_host_is_denied),
        cmocka_unit_test(allowed_registries_are_taken_in_their_configured_spelling),
        cmocka_unit_test(unknown_namespace_allows_nothing_else),
        cmocka_unit_test(what_is_no_index_url_is_invalid),
        cmocka_unit_test(repository_of_artifactory_that_a_namespace_fronts_is_that_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

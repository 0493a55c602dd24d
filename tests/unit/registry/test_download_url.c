/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/download_url.h"

static void assert_url(const char *dl, const char *name, const char *version, const char *wanted)
{
    const struct cg_download_parts parts = {name, version, "0123abcd"};
    char *url = cg_download_url(dl, &parts);

    assert_string_equal(url, wanted);
    free(url);
}

static void without_markers_the_default_path_follows(void **state)
{
    (void)state;
    assert_url("https://h/dl", "MyCrate", "1.0.0", "https://h/dl/MyCrate/1.0.0/download");
    assert_url("https://h/dl/{Crate}", "abc", "1.0.0", "https://h/dl/{Crate}/abc/1.0.0/download");
    assert_url("", "a", "1.0.0", "/a/1.0.0/download");
}

static void every_marker_is_filled_in_wherever_it_stands(void **state)
{
    (void)state;
    assert_url("https://h/{crate}/{crate}-{version}.crate", "My-Crate", "1.0.0+b.1",
               "https://h/My-Crate/My-Crate-1.0.0+b.1.crate");
    assert_url("https://h/{prefix}|{lowerprefix}", "MyCrate", "1.0.0", "https://h/My/Cr|my/cr");
    assert_url("{sha256-checksum}", "MyCrate", "1.0.0", "0123abcd");
    assert_url("{{version}}", "MyCrate", "1.0.0", "{1.0.0}");
}

static void short_names_have_short_prefixes(void **state)
{
    (void)state;
    assert_url("{prefix}", "A", "1.0.0", "1");
    assert_url("{prefix}", "Ab", "1.0.0", "2");
    assert_url("{prefix} {lowerprefix}", "Abc", "1.0.0", "3/A 3/a");
    assert_url("{prefix}", "Abcd", "1.0.0", "Ab/cd");
}

static void what_is_filled_in_is_not_looked_at_again(void **state)
{
    (void)state;
    assert_url("{version}", "a", "{crate}", "{crate}");
}

static void an_address_without_end_is_none(void **state)
{
    size_t len = 40000;
    char *dl = cg_malloc(len + 1);

    (void)state;
    memset(dl, 'x', len);
    memcpy(dl + len - 14, "{crate}{crate}", 14);
    dl[len] = '\0';
    for (size_t i = 0; i + 14 < len; i += 9)
        memcpy(dl + i, "{version}", 9);
    assert_url(dl, "a", "1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "");
    free(dl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_markers_the_default_path_follows),
        cmocka_unit_test(every_marker_is_filled_in_wherever_it_stands),
        cmocka_unit_test(short_names_have_short_prefixes),
        cmocka_unit_test(what_is_filled_in_is_not_looked_at_again),
        cmocka_unit_test(an_address_without_end_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

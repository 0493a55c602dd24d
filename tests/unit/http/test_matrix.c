/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "http/matrix.h"

static void properties_as_clients_write_them_are_taken(void **state)
{
    static const char *const texts[] = {";",
                                        ";a=b",
                                        ";a=b;",
                                        ";a=b;c=d,e",
                                        ";build.name=app;build.number=7;build.timestamp=1700000000000",
                                        ";vcs.url=https%3A%2F%2Fgit.example%2Fa%2Fb.git",
                                        ";k=a%3Bb%3Dc%2Cd%7C",
                                        ";mandatory+=x",
                                        ";flag",
                                        ";empty="};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cg_matrix_check(texts[i], NULL) != CG_OK)
            fail_msg("%s is refused", texts[i]);
}

static void what_would_blur_the_path_is_refused(void **state)
{
    static const char *const texts[] = {";a=b/../c", ";/",     ";a=b;/x/y", ";=b",    ";a=b;=c", ";a=%",   ";a=%4",
                                        ";a=%zz",    ";a=%00", ";a=%0a",    ";%0d=b", ";a=b c",  ";a=%ff", ";a=\x01"};
    struct cg_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (cg_matrix_check(texts[i], &err) != CG_ERR_INVALID)
            fail_msg("%s is taken", texts[i]);
    assert_true(err.detail[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(properties_as_clients_write_them_are_taken),
        cmocka_unit_test(what_would_blur_the_path_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

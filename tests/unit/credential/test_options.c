/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "credential/options.h"

/* Words with '|' between them. */
static enum cg_err parse(const char *line, struct cg_options *options, struct cg_error *err)
{
    char *copy = cg_strdup(line), *rest = copy, *args[20] = {NULL};
    enum cg_err rc;

    for (size_t i = 0; i < 19 && rest; i++)
        args[i] = strsep(&rest, "|");
    rc = cg_options_parse(args, options, err);
    free(copy);
    return rc;
}

static void every_word_in_both_spellings(void **state)
{
    const char *args = "--user|alice|--days=7|--namespace|payments,platform|--scope=publish-new,yank";
    struct cg_options options = {0};

    (void)state;
    assert_int_equal(parse(args, &options, NULL), CG_OK);
    assert_string_equal(options.user, "alice");
    assert_int_equal(options.wish.days, 7);
    assert_string_equal(options.wish.namespaces[1], "platform");
    assert_null(options.wish.namespaces[2]);
    assert_string_equal(options.wish.scopes[0], "publish-new");
    cg_options_free(&options);
    cg_options_free(&options);
}

static void none_at_all_narrows_nothing(void **state)
{
    struct cg_options options = {0};

    (void)state;
    assert_int_equal(cg_options_parse(NULL, &options, NULL), CG_OK);
    assert_null(options.user);
    assert_null(options.wish.namespaces);
    assert_int_equal(options.wish.days, 0);
}

static void the_last_of_a_word_counts(void **state)
{
    const char *args = "--user|a|--namespace|x|--user|b|--namespace=y|--scope|read|--scope|yank";
    struct cg_options options = {0};

    (void)state;
    assert_int_equal(parse(args, &options, NULL), CG_OK);
    assert_string_equal(options.user, "b");
    assert_string_equal(options.wish.namespaces[0], "y");
    assert_null(options.wish.namespaces[1]);
    assert_string_equal(options.wish.scopes[0], "yank");
    cg_options_free(&options);
}

static void what_is_wrong_is_named(void **state)
{
    static const char *const wrong[] = {"--user",        "--user|",      "--days|0",    "--days|x", "--days=4000",
                                        "--namespace|A", "--namespace=", "--scope|fly", "--scope=,"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct cg_options options = {0};
        struct cg_error err = {0};

        assert_int_equal(parse(wrong[i], &options, &err), CG_ERR_INVALID);
        assert_memory_equal(err.detail, wrong[i], 6);
        assert_null(options.user);
    }
}

static void a_word_nobody_knows_is_not_repeated(void **state)
{
    /* It may be a password or a token, put at the wrong place. */
    struct cg_options options = {0};
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(parse("hunter2", &options, &err), CG_ERR_INVALID);
    assert_null(strstr(err.detail, "hunter2"));
    assert_int_equal(parse("--userx|a", &options, &err), CG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_in_both_spellings),        cmocka_unit_test(none_at_all_narrows_nothing),
        cmocka_unit_test(the_last_of_a_word_counts),           cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_word_nobody_knows_is_not_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

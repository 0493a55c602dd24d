/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "crategate/identity.h"
#include <stdlib.h>

static void fields_are_copied_and_missing_ones_empty(void **state)
{
    (void)state;
    char name[] = "alice";
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_PERSON, "uuid-1", name, NULL, NULL);
    name[0] = 'x';
    cg_identity_seal(who);
    assert_int_equal(cg_identity_kind(who), CG_IDENTITY_PERSON);
    assert_string_equal(cg_identity_id(who), "uuid-1");
    assert_string_equal(cg_identity_name(who), "alice");
    assert_string_equal(cg_identity_dn(who), "");
    assert_string_equal(cg_identity_display_name(who), "");
    assert_int_equal(cg_identity_group_count(who), 0);
    assert_false(cg_identity_in_group(who, "cn=a"));
    cg_identity_unref(&who);
    assert_null(who);
    cg_identity_unref(&who);
}

static void anonymous_has_a_name_and_no_id(void **state)
{
    (void)state;
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, NULL, NULL, NULL);
    cg_identity_seal(who);
    assert_string_equal(cg_identity_name(who), "anonymous");
    assert_string_equal(cg_identity_id(who), "");
    cg_identity_unref(&who);
}

static void membership_is_by_the_whole_dn(void **state)
{
    (void)state;
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_PERSON, "1", "bob", "uid=bob", "Bob");
    for (int i = 99; i >= 0; i--) {
        char *dn = cg_asprintf("cn=g%02d,ou=groups", i), *name = cg_asprintf("g%02d", i);
        cg_identity_add_group(who, dn, name);
        if (i % 2)
            cg_identity_add_group(who, dn, name); /* named twice by the directory */
        free(dn);
        free(name);
    }
    cg_identity_seal(who);
    assert_int_equal(cg_identity_group_count(who), 100);
    for (size_t i = 0; i < 100; i++) {
        char *dn = cg_asprintf("cn=g%02zu,ou=groups", i);
        assert_string_equal(cg_identity_group_dn(who, i), dn);
        assert_true(cg_identity_in_group(who, dn));
        free(dn);
    }
    assert_string_equal(cg_identity_group_name(who, 7), "g07");
    assert_false(cg_identity_in_group(who, "cn=g07,ou=other"));
    assert_false(cg_identity_in_group(who, "g07"));
    assert_false(cg_identity_in_group(who, ""));
    cg_identity_unref(&who);
}

static void a_reference_keeps_it_alive(void **state)
{
    (void)state;
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_SERVICE, "service:ci", "ci", NULL, NULL);
    cg_identity_seal(who);
    struct cg_identity *again = cg_identity_ref(who);
    cg_identity_unref(&who);
    assert_string_equal(cg_identity_name(again), "ci");
    cg_identity_unref(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_copied_and_missing_ones_empty),
        cmocka_unit_test(anonymous_has_a_name_and_no_id),
        cmocka_unit_test(membership_is_by_the_whole_dn),
        cmocka_unit_test(a_reference_keeps_it_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

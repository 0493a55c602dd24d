/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "conf/conf.h"
#include "ldap/vendor.h"

/* A root entry with up to two attributes. */
static struct cg_ldap_result root_with(const char *name, const char *value, const char *name2, const char *value2)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "");

    if (name)
        assert_true(cg_ldap_entry_add(&result, entry, name, value, strlen(value)));
    if (name2)
        assert_true(cg_ldap_entry_add(&result, entry, name2, value2, strlen(value2)));
    return result;
}

static void each_kind_of_server_is_recognised_and_doubted_where_it_does_not_fit(void **state)
{
    static const struct {
        const char *name, *value, *name2, *value2, *text;
        unsigned fits;
    } CASES[] = {
        {"supportedCapabilities", "1.2.840.113556.1.4.800", NULL, NULL, "Active Directory", 1U << CG_DIR_AD},
        {"vendorName", "Samba Team (https://www.samba.org)", "supportedCapabilities", "1.2.840.113556.1.4.800", "Samba",
         1U << CG_DIR_AD},
        {"vendorName", "389 Project", "vendorVersion", "389-Directory/2.3.1",
         "389 Directory Server (389-Directory/2.3.1)", 1U << CG_DIR_389DS | 1U << CG_DIR_POSIX},
        {"objectClass", "OpenLDAProotDSE", NULL, NULL, "OpenLDAP", 1U << CG_DIR_OPENLDAP | 1U << CG_DIR_POSIX},
        {"vendorName", "Somebody\n", NULL, NULL, "Somebody?", ~0U},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct cg_ldap_result root = root_with(CASES[i].name, CASES[i].value, CASES[i].name2, CASES[i].value2);
        struct cg_buf out;

        cg_buf_init(&out, 1000);
        assert_true(cg_ldap_vendor_text(&root.entries[0], &out));
        assert_string_equal(cg_buf_str(&out), CASES[i].text);
        for (int type = CG_DIR_OPENLDAP; type <= CG_DIR_POSIX; type++) {
            cg_buf_reset(&out);
            assert_int_equal(cg_ldap_vendor_doubt(&root.entries[0], type, &out), !(CASES[i].fits & 1U << type));
            assert_int_equal(strstr(cg_buf_str(&out), "directory_type") != NULL, !(CASES[i].fits & 1U << type));
        }
        cg_buf_free(&out);
        cg_ldap_result_free(&root);
    }
}

static void server_that_says_nothing_is_not_guessed_at(void **state)
{
    struct cg_ldap_result root = root_with(NULL, NULL, "objectClass", "top");
    struct cg_buf out;

    (void)state;
    cg_buf_init(&out, 1000);
    assert_false(cg_ldap_vendor_text(&root.entries[0], &out));
    assert_false(cg_ldap_vendor_doubt(&root.entries[0], CG_DIR_AD, &out));
    assert_int_equal(out.len, 0);
    cg_buf_free(&out);
    cg_ldap_result_free(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_server_is_recognised_and_doubted_where_it_does_not_fit),
        cmocka_unit_test(server_that_says_nothing_is_not_guessed_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/aql.h"
#include "base/buf.h"

static struct cg_aql *parse(const char *text)
{
    struct cg_aql *aql = NULL;
    struct cg_error err = {0};

    if (cg_aql_parse(text, strlen(text), &aql, &err) != CG_OK)
        fail_msg("%s: %s", text, err.detail);
    return aql;
}

static void refused(const char *text, const char *why)
{
    struct cg_aql *aql = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_aql_parse(text, strlen(text), &aql, &err), CG_ERR_INVALID);
    assert_null(aql);
    if (!strstr(err.detail, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.detail, why);
}

static const char *property(const struct cg_aql_item *item, const char *name)
{
    (void)item;
    return strcmp(name, "yanked") == 0 ? "true" : NULL;
}

static struct cg_aql_item demo(void)
{
    return (struct cg_aql_item){.repo = "team",
                                .repo_alias = "cargo-team-local",
                                .path = "crates/demo",
                                .name = "demo-1.0.0.crate",
                                .type_known = true,
                                .sha256 = "ab",
                                .property = property};
}

static enum cg_aql_answer ask(const char *criteria, const struct cg_aql_item *item)
{
    char text[2048];
    struct cg_aql *aql;
    enum cg_aql_answer answer;

    assert_true((size_t)snprintf(text, sizeof(text), "items.find(%s)", criteria) < sizeof(text));
    aql = parse(text);
    answer = cg_aql_ask(aql, item);
    cg_aql_free(&aql);
    return answer;
}

static void yes(const char *criteria)
{
    struct cg_aql_item item = demo();

    if (ask(criteria, &item) != CG_AQL_YES)
        fail_msg("%s does not match", criteria);
}

static void no(const char *criteria)
{
    struct cg_aql_item item = demo();

    if (ask(criteria, &item) != CG_AQL_NO)
        fail_msg("%s matches", criteria);
}

static void what_jf_sends_to_download_is_understood(void **state)
{
    struct cg_aql_item item = demo();
    struct cg_aql *aql = parse(
        "items.find({\"path\":{\"$ne\":\".\"},\"$or\":[{\"$and\":[{\"repo\":\"team\",\"path\":\"crates\",\"name\":{"
        "\"$match\":\"*\"}}]},{\"$and\":[{\"repo\":\"team\",\"path\":{\"$match\":\"crates/*\"},\"name\":{\"$match\":"
        "\"*\"}}]}]}).include(\"name\",\"repo\",\"path\",\"actual_md5\",\"actual_sha1\",\"sha256\",\"size\",\"type\","
        "\"modified\",\"created\",\"property\")");

    (void)state;
    assert_int_equal(cg_aql_ask(aql, &item), CG_AQL_YES);
    assert_true(cg_aql_shows(aql, CG_AQL_SHA256) && cg_aql_shows(aql, CG_AQL_PROPERTY));
    assert_false(cg_aql_shows(aql, CG_AQL_CREATED_BY));
    item.repo = "other";
    item.repo_alias = NULL;
    assert_int_equal(cg_aql_ask(aql, &item), CG_AQL_NO);
    cg_aql_free(&aql);
}

static void each_operator_does_what_it_says(void **state)
{
    (void)state;
    yes("{}");
    yes("");
    yes("{\"name\":\"demo-1.0.0.crate\"}");
    no("{\"name\":\"demo-1.0.0\"}");
    yes("{\"name\":{\"$eq\":\"demo-1.0.0.crate\"}}");
    no("{\"name\":{\"$ne\":\"demo-1.0.0.crate\"}}");
    yes("{\"name\":{\"$ne\":\"demo\"}}");
    yes("{\"name\":{\"$match\":\"*.crate\"}}");
    yes("{\"name\":{\"$match\":\"d?mo-*0*.crate\"}}");
    no("{\"name\":{\"$match\":\"d??mo-*.crate\"}}");
    no("{\"name\":{\"$match\":\"Demo*\"}}");
    no("{\"name\":{\"$nmatch\":\"demo*\"}}");
    yes("{\"name\":{\"$match\":\"*1.0*\",\"$nmatch\":\"*2.0*\"}}");
    no("{\"name\":{\"$match\":\"*1.0*\",\"$ne\":\"demo-1.0.0.crate\"}}");
    yes("{\"sha256\":\"ab\"}");
    no("{\"sha256\":{\"$match\":\"\"}}");
}

static void a_repository_goes_by_either_of_its_names(void **state)
{
    (void)state;
    yes("{\"repo\":\"team\"}");
    yes("{\"repo\":\"cargo-team-local\"}");
    yes("{\"repo\":{\"$match\":\"cargo-*\"}}");
    no("{\"repo\":\"cargo-team\"}");
    no("{\"repo\":{\"$ne\":\"cargo-team-local\"}}");
    no("{\"repo\":{\"$nmatch\":\"te*\"}}");
}

static void members_of_a_list_are_alternatives_or_conditions(void **state)
{
    (void)state;
    yes("{\"$or\":[{\"name\":\"x\"},{\"repo\":\"team\"}]}");
    no("{\"$or\":[{\"name\":\"x\"},{\"repo\":\"y\"}]}");
    no("{\"$and\":[{\"name\":{\"$match\":\"demo*\"}},{\"repo\":\"y\"}]}");
    yes("{\"$and\":[{\"name\":{\"$match\":\"demo*\"},\"repo\":\"team\"}]}");
    yes("{\"$or\":[]}");
    /* An exclusion of jf: not this path, or not this name. */
    yes("{\"$or\":[{\"path\":{\"$nmatch\":\"*\"},\"name\":{\"$nmatch\":\"serde*\"}}]}");
    no("{\"$or\":[{\"path\":{\"$nmatch\":\"*\"},\"name\":{\"$nmatch\":\"demo*\"}}]}");
    /* Two of them, under one key. */
    no("{\"$or\":[{\"name\":{\"$nmatch\":\"serde*\"}}],\"$or\":[{\"name\":{\"$nmatch\":\"demo*\"}}]}");
    no("{\"repo\":\"team\"},{\"repo\":\"y\"}");
}

static void folders_are_meant_only_where_the_type_is_named(void **state)
{
    struct cg_aql_item folder = demo();

    (void)state;
    folder.folder = true;
    assert_int_equal(ask("{}", &folder), CG_AQL_NO);
    assert_int_equal(ask("{\"type\":\"any\"}", &folder), CG_AQL_YES);
    assert_int_equal(ask("{\"type\":\"folder\"}", &folder), CG_AQL_YES);
    assert_int_equal(ask("{\"type\":\"file\"}", &folder), CG_AQL_NO);
    yes("{\"type\":\"any\"}");
    yes("{\"type\":\"file\"}");
    no("{\"type\":\"folder\"}");
}

static void properties_are_compared_where_there_are_some(void **state)
{
    (void)state;
    yes("{\"@yanked\":\"true\"}");
    no("{\"@yanked\":\"false\"}");
    no("{\"@build.name\":\"app\"}");
    no("{\"@build.name\":{\"$match\":\"*\"}}");
    yes("{\"@build.name\":{\"$ne\":\"app\"}}");
}

static void what_is_not_known_yet_is_neither_yes_nor_no(void **state)
{
    struct cg_aql_item item = {.repo = "team", .path = "crates/demo", .path_folded = true, .type_known = true};

    (void)state;
    assert_int_equal(ask("{\"repo\":\"x\",\"name\":\"y\"}", &item), CG_AQL_NO);
    assert_int_equal(ask("{\"repo\":\"team\",\"name\":\"y\"}", &item), CG_AQL_MAYBE);
    assert_int_equal(ask("{\"path\":\"crates/Demo\"}", &item), CG_AQL_MAYBE);
    assert_int_equal(ask("{\"path\":{\"$match\":\"crates/DE*\"}}", &item), CG_AQL_MAYBE);
    assert_int_equal(ask("{\"path\":\"crates/other\"}", &item), CG_AQL_NO);
    assert_int_equal(ask("{\"path\":{\"$ne\":\"crates/demo\"}}", &item), CG_AQL_MAYBE);
    assert_int_equal(ask("{\"$or\":[{\"repo\":\"team\"},{\"name\":\"y\"}]}", &item), CG_AQL_YES);
    assert_int_equal(ask("{\"@a\":\"b\"}", &item), CG_AQL_MAYBE);
    item.path = NULL;
    assert_int_equal(ask("{\"path\":\"crates/other\"}", &item), CG_AQL_MAYBE);
}

static void sort_offset_and_limit_are_read(void **state)
{
    enum cg_aql_field field;
    bool descending;
    uint64_t limit = 0;
    struct cg_aql *aql =
        parse("items.find({\"repo\":\"a\"})\n .sort( {\"$desc\" : [\"size\", \"name\"]} ).offset(20).limit(10) ;");

    (void)state;
    assert_true(cg_aql_sort(aql, 1, &field, &descending));
    assert_true(field == CG_AQL_NAME && descending);
    assert_false(cg_aql_sort(aql, 2, &field, &descending));
    assert_int_equal(cg_aql_offset(aql), 20);
    assert_true(cg_aql_limit(aql, &limit));
    assert_int_equal(limit, 10);
    assert_true(cg_aql_shows(aql, CG_AQL_CREATED_BY));
    assert_false(cg_aql_shows(aql, CG_AQL_SHA256));
    cg_aql_free(&aql);
    aql = parse("items.find().include(\"*\",\"property.*\")");
    assert_false(cg_aql_limit(aql, &limit));
    assert_true(cg_aql_shows(aql, CG_AQL_SHA256) && cg_aql_shows(aql, CG_AQL_PROPERTY));
    cg_aql_free(&aql);
}

static void what_is_no_query_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "items",
                                        "items.find",
                                        "items.find(",
                                        "items.find({)",
                                        "items.find({\"repo\"})",
                                        "items.find({\"repo\":})",
                                        "items.find({\"repo\":\"a\",})",
                                        "items.find({\"repo\":\"a})",
                                        "items.find({\"repo\":\"\\ud800\"})",
                                        "items.find({\"repo\":\"\\u12\"})",
                                        "items.find({\"repo\":\"\\u0000\"})",
                                        "items.find({\"repo\":\"\\x\"})",
                                        "items.find({\"repo\":12})",
                                        "items.find({\"$or\":{}})",
                                        "items.find({\"repo\":\"a\"}) tail",
                                        "items.find().limit(-1)",
                                        "items.find().limit(99999999999999999999999)",
                                        "items.find().offset()",
                                        "builds.find({})",
                                        "items.find({\"repo\":\"\xff\"})",
                                        "items.find({\"repo\":\"a\nb\"})"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        refused(texts[i], "Failed to parse query");
}

static void what_is_not_understood_is_named(void **state)
{
    (void)state;
    refused("items.find({\"stat.downloads\":{\"$gt\":\"3\"}})", "field \"stat.downloads\"");
    refused("items.find({\"name\":{\"$gt\":\"3\"}})", "operator \"$gt\"");
    refused("items.find({\"$msp\":[]})", "operator \"$msp\"");
    refused("items.find().include(\"archive.item\")", "field \"archive.item\"");
    refused("items.find().sort({\"$up\":[\"name\"]})", "order \"$up\"");
    refused("items.find().sort({\"$asc\":[\"property\"]})", "order by \"property\"");
    refused("items.find().transitive()", "call \"transitive\"");
    refused("items.find({\"@*\":\"x\"})", "field \"@*\"");
}

static void escapes_in_texts_are_read(void **state)
{
    struct cg_aql_item item = demo();

    (void)state;
    item.name = "a\"\\/\xc3\xa9\xe2\x82\xac\n";
    assert_int_equal(ask("{\"name\":\"a\\\"\\\\\\/\\u00e9\\u20AC\\n\"}", &item), CG_AQL_YES);
}

static void size_and_depth_are_bounded(void **state)
{
    struct cg_buf text;

    (void)state;
    cg_buf_init(&text, 1 << 20);
    cg_buf_addstr(&text, "items.find(");
    for (int i = 0; i < 40; i++)
        cg_buf_addstr(&text, "{\"$or\":[");
    refused(cg_buf_str(&text), "nests");
    cg_buf_reset(&text);
    cg_buf_addstr(&text, "items.find({}");
    for (int i = 0; i < 5100; i++)
        cg_buf_addstr(&text, ",{\"a\":1}");
    refused(cg_buf_str(&text), "not understood");
    cg_buf_reset(&text);
    cg_buf_addstr(&text, "items.find({}");
    for (int i = 0; i < 5100; i++)
        cg_buf_addstr(&text, ",{\"$or\":[]}");
    refused(cg_buf_str(&text), "more than 5000");
    cg_buf_addstr(&text, ")");
    while (text.len <= 64 * 1024)
        cg_buf_addch(&text, ' ');
    refused(cg_buf_str(&text), "longer than");
    cg_buf_free(&text);
}

static void a_pattern_of_many_stars_takes_no_time(void **state)
{
    struct cg_aql_item item = demo();
    char name[201];

    (void)state;
    memset(name, 'a', 200);
    name[200] = '\0';
    item.name = name;
    assert_int_equal(ask("{\"name\":{\"$match\":\"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\"}}", &item),
                     CG_AQL_NO);
}

static uint64_t asks_max(const char *text)
{
    struct cg_error err = {0};
    struct cg_aql *aql = NULL;
    uint64_t most;

    assert_int_equal(cg_aql_parse(text, strlen(text), &aql, &err), CG_OK);
    most = cg_aql_asks_max(aql);
    cg_aql_free(&aql);
    return most;
}

static void the_longer_a_query_the_fewer_items_it_is_asked_about(void **state)
{
    struct cg_buf text;

    (void)state;
    assert_in_range(asks_max("items.find({\"repo\":\"team\",\"$or\":[{\"$and\":[{\"path\":{\"$match\":\"crates/*\"},"
                             "\"name\":{\"$match\":\"*\"}}]}]}).include(\"name\",\"repo\",\"path\",\"sha256\")"),
                    1000000, UINT64_MAX);
    cg_buf_init(&text, 1 << 20);
    cg_buf_addstr(&text, "items.find({}");
    for (int i = 0; i < 4000; i++)
        cg_buf_addstr(&text, ",{\"name\":\"a\"}");
    cg_buf_addstr(&text, ")");
    assert_in_range(asks_max(cg_buf_str(&text)), 5000, 30000);
    cg_buf_reset(&text);
    cg_buf_addstr(&text, "items.find({\"name\":{\"$match\":\"");
    for (int i = 0; i < 60000; i++)
        cg_buf_addch(&text, i % 2 ? '*' : 'a');
    cg_buf_addstr(&text, "\"}})");
    assert_in_range(asks_max(cg_buf_str(&text)), 5000, 30000);
    cg_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_jf_sends_to_download_is_understood),
        cmocka_unit_test(each_operator_does_what_it_says),
        cmocka_unit_test(a_repository_goes_by_either_of_its_names),
        cmocka_unit_test(members_of_a_list_are_alternatives_or_conditions),
        cmocka_unit_test(folders_are_meant_only_where_the_type_is_named),
        cmocka_unit_test(properties_are_compared_where_there_are_some),
        cmocka_unit_test(what_is_not_known_yet_is_neither_yes_nor_no),
        cmocka_unit_test(sort_offset_and_limit_are_read),
        cmocka_unit_test(what_is_no_query_is_refused),
        cmocka_unit_test(what_is_not_understood_is_named),
        cmocka_unit_test(escapes_in_texts_are_read),
        cmocka_unit_test(size_and_depth_are_bounded),
        cmocka_unit_test(a_pattern_of_many_stars_takes_no_time),
        cmocka_unit_test(the_longer_a_query_the_fewer_items_it_is_asked_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

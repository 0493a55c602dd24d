/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Every function of the client against the double, when all is well and when what is there is not what was hoped for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "art_rig.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/metrics.h"
#include "storage/artifactory/art_breaker.h"

#define PATH "crates/demo/demo-0.1.0.crate"
#define BYTES "these are the bytes of a crate, more or less"

static struct art_rig rig;
static struct cg_art_client *client;

static int set_up(void **state)
{
    (void)state;
    art_rig_reset(&rig);
    client = art_rig_client(&rig);
    return 0;
}

static int tear_down(void **state)
{
    json_t *strange = art_rig_control(&rig, "GET", "/unmodelled", NULL);
    size_t count = json_array_size(strange);
    char *text = json_dumps(strange, JSON_ENCODE_ANY);

    (void)state;
    cg_art_client_free(&client);
    if (count > 0)
        print_message("not modelled: %s\n", text);
    free(text);
    json_decref(strange);
    return count > 0;
}

static int64_t soon(void)
{
    return cg_clock_mono_ms() + 5000;
}

static enum cg_err deploy(const char *path, const char *bytes, struct cg_error *err)
{
    struct art_file file;
    enum cg_err rc;

    art_file_make(&file, path, bytes, strlen(bytes));
    rc = cg_art_deploy(client, &file.deploy, soon(), err);
    art_file_close(&file);
    return rc;
}

static void is(enum cg_err rc, enum cg_err wanted, const struct cg_error *err)
{
    if (rc != wanted)
        print_message("%s: %s (%s)\n", cg_err_name(rc), err->detail, err->internal);
    assert_int_equal(rc, wanted);
    if (rc == CG_ERR_UNAVAILABLE)
        assert_true(err->retry_after_s > 0);
}

/* Deploy */

static void deployed_file_is_there_with_sums_and_properties(void **state)
{
    struct cg_error err = {0};
    struct cg_art_item item = {0};
    json_t *items;
    char *text;

    (void)state;
    is(deploy("crates/demo/demo-0.1.0+build;1.crate", BYTES, &err), CG_OK, &err);
    is(cg_art_head(client, "cargo-local", "crates/demo/demo-0.1.0+build;1.crate", soon(), &item, &err), CG_OK, &err);
    assert_int_equal(item.size, strlen(BYTES));
    assert_int_equal(strlen(item.sha256), 64);
    assert_true(item.modified > 0);
    items = art_rig_control(&rig, "GET", "/items?repo=cargo-local", NULL);
    text = json_dumps(items, 0);
    assert_non_null(strstr(text, "crates/demo/demo-0.1.0+build;1.crate"));
    assert_non_null(strstr(text, "\"crategate.publisher\": [\"alice\"]"));
    assert_non_null(strstr(text, "\"crategate.yanked\": [\"false\"]"));
    free(text);
    json_decref(items);
    text = art_rig_logged(&rig, "row=9", "headers");
    assert_non_null(strstr(text, "100-continue"));
    assert_non_null(strstr(text, "crategate/"));
    free(text);
}

static void same_bytes_are_not_put_twice(void **state)
{
    struct cg_error err = {0};

    (void)state;
    is(deploy(PATH, BYTES, &err), CG_OK, &err);
    is(deploy(PATH, BYTES, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
}

static void other_bytes_are_a_conflict_even_for_an_account_that_may_overwrite(void **state)
{
    struct cg_error err = {0};

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, "theirs");
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "owner"));
    is(deploy(PATH, BYTES, &err), CG_ERR_CONFLICT, &err);
    assert_non_null(strstr(err.detail, "nothing is overwritten"));
    assert_int_equal(art_rig_asked(&rig, "row=9"), 0);
}

static char *large_bytes(size_t len)
{
    char *bytes = cg_malloc(len + 1);

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('a' + (i * 7 + i / 251) % 26);
    bytes[len] = '\0';
    return bytes;
}

static void large_file_that_artifactory_knows_is_not_sent_again(void **state)
{
    char *bytes = large_bytes(2 << 20);
    struct cg_error err = {0};

    (void)state;
    is(deploy("crates/a/a-1.0.0.crate", bytes, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, "row=10"), 1); /* asked, not known */
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
    is(deploy("crates/b/b-1.0.0.crate", bytes, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, "row=10"), 2);
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
    free(bytes);
}

static void account_without_the_right_is_told_which_one(void **state)
{
    struct cg_error err = {0};
    struct cg_art_prop prop = {CG_ART_PROP_YANKED, "true"};

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "reader"));
    is(deploy("crates/x/x-1.0.0.crate", BYTES, &err), CG_ERR_DENIED, &err);
    assert_non_null(strstr(err.detail, "deploy"));
    assert_non_null(strstr(err.detail, "cargo-local"));
    is(cg_art_set_props(client, "cargo-local", PATH, &prop, 1, &err), CG_ERR_DENIED, &err);
    assert_non_null(strstr(err.detail, "annotate"));
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "stranger"));
    is(cg_art_head(client, "cargo-local", PATH, soon(), &(struct cg_art_item){0}, &err), CG_ERR_DENIED, &err);
    assert_non_null(strstr(err.detail, "read"));
}

static void odd_places_are_never_asked_for(void **state)
{
    struct cg_error err = {0};
    struct cg_art_item item;
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);

    (void)state;
    is(cg_art_head(client, "cargo-local", "crates/../../api/system/ping", soon(), &item, &err), CG_ERR_INVALID, &err);
    is(cg_art_head(client, "a/b", PATH, soon(), &item, &err), CG_ERR_INVALID, &err);
    is(cg_art_get(client, "..", PATH, &sink, &err), CG_ERR_INVALID, &err);
    is(cg_art_set_props(client, "", PATH, NULL, 0, &err), CG_ERR_INVALID, &err);
    is(deploy("a//b", BYTES, &err), CG_ERR_INVALID, &err);
    is(cg_art_list(client, "", NULL, NULL, &err), CG_ERR_INVALID, &err);
    assert_int_equal(art_rig_asked(&rig, ""), 0);
    art_kept_free(&kept);
}

/* Reading */

static void missing_file_is_absent_and_a_missing_repository_is_not(void **state)
{
    struct cg_error err = {0};
    struct cg_art_item item;
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_art_prop prop = {CG_ART_PROP_YANKED, "true"};

    (void)state;
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_ERR_ABSENT, &err);
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_ERR_ABSENT, &err);
    is(cg_art_set_props(client, "cargo-local", PATH, &prop, 1, &err), CG_ERR_ABSENT, &err);
    is(cg_art_head(client, "gone-local", PATH, soon(), &item, &err), CG_ERR_UNAVAILABLE, &err);
    is(cg_art_get(client, "gone-local", PATH, &sink, &err), CG_ERR_UNAVAILABLE, &err);
    is(cg_art_set_props(client, "gone-local", PATH, &prop, 1, &err), CG_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.detail, "no such repository"));
    assert_true(err.retry_after_s > 0);
    assert_int_equal(kept.begun, 0);
    assert_false(cg_art_client_down(client, NULL)); /* one repository, not the instance */
    art_kept_free(&kept);
}

static void download_brings_all_bytes_and_their_size_first(void **state)
{
    char *bytes = large_bytes(700000);
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};
    char *text;

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_OK, &err);
    assert_int_equal(kept.size, 700000);
    assert_string_equal(cg_buf_str(&kept.bytes), bytes);
    text = art_rig_logged(&rig, "row=11", "headers");
    assert_non_null(strstr(text, "X-JFrog-Download-Redirect-To"));
    free(text);
    free(bytes);
    art_kept_free(&kept);
}

static void sink_that_has_enough_ends_the_download_with_its_own_result(void **state)
{
    char *bytes = large_bytes(3 << 20);
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    kept.stop = CG_ERR_TOO_LARGE;
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_ERR_TOO_LARGE, &err);
    assert_string_equal(err.detail, "enough");
    assert_false(cg_art_client_down(client, NULL));
    free(bytes);
    art_kept_free(&kept);
}

static void properties_are_set_with_all_their_signs(void **state)
{
    struct cg_art_prop props[] = {{CG_ART_PROP_YANKED, "true"}, {CG_ART_PROP_PUBLISHER, "b\303\266b;x=1,2|3\\4+5 %"}};
    struct cg_error err = {0};
    json_t *items, *wanted;
    char *text;

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    is(cg_art_set_props(client, "cargo-local", PATH, props, 2, &err), CG_OK, &err);
    items = art_rig_control(&rig, "GET", "/items?repo=cargo-local", NULL);
    wanted = json_string(props[1].value);
    text = json_dumps(items, 0);
    assert_non_null(strstr(text, "\"crategate.yanked\": [\"true\"]"));
    assert_non_null(strstr(text, "b\303\266b;x=1,2|3\\\\4+5 %"));
    free(text);
    json_decref(wanted);
    json_decref(items);
}

/* Listing */

struct seen {
    size_t count;
    uint64_t size;
    int yanked;
    char last[CG_ART_PATH_MAX], publisher[64], sha256[65];
    enum cg_err stop;
};

static enum cg_err see(void *cls, const struct cg_art_listed *file)
{
    struct seen *seen = cls;

    seen->count++;
    seen->size = file->item.size;
    seen->yanked = file->yanked;
    snprintf(seen->last, sizeof(seen->last), "%s", file->path);
    snprintf(seen->publisher, sizeof(seen->publisher), "%s", file->publisher);
    memcpy(seen->sha256, file->item.sha256, sizeof(seen->sha256));
    return seen->stop;
}

static enum cg_err list(const char *repo, struct seen *seen, struct cg_error *err)
{
    *seen = (struct seen){.stop = seen->stop};
    return cg_art_list(client, repo, see, seen, err);
}

static void list_tells_of_crates_alone_with_what_is_noted(void **state)
{
    struct cg_error err = {0};
    struct seen seen = {0};

    (void)state;
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, 0);
    art_rig_put(&rig, "cargo-local/readme.txt", "x");
    art_rig_put(&rig, "cargo-local/crates/readme.txt", "x");
    art_rig_put(&rig, "cargo-local/cratesx/y-1.0.0.crate", "x");
    art_rig_put(&rig, "cargo-local/other/z-1.0.0.crate", "x");
    art_rig_put(&rig, "cargo-other/" PATH, "x");
    is(deploy(PATH, BYTES, &err), CG_OK, &err);
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.last, PATH);
    assert_string_equal(seen.publisher, "alice");
    assert_int_equal(seen.yanked, 0);
    assert_int_equal(seen.size, strlen(BYTES));
    assert_int_equal(strlen(seen.sha256), 64);
    art_rig_put(&rig, "cargo-local/crates/odd.crate", "y"); /* by another writer */
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, 2);
    seen.stop = CG_ERR_INTERNAL;
    is(list("cargo-local", &seen, &err), CG_ERR_INTERNAL, &err);
    assert_int_equal(seen.count, 1);
}

static void put_many(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char path[96];

        snprintf(path, sizeof(path), "cargo-local/crates/c%03zu/c%03zu-1.0.%zu.crate", i / 7, i / 7, i % 7);
        art_rig_put(&rig, path, "x");
    }
}

static void list_goes_through_all_pages_and_tells_of_each_once_f30(void **state)
{
    struct cg_error err = {0};
    struct seen seen = {0};
    size_t least = 1100;

    (void)state;
    put_many(least);
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, least);
    art_rig_fault(&rig, "{\"fault\":\"F30\"}"); /* grows while it is read */
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_true(seen.count >= least);
    art_rig_knobs(&rig, "{\"aql_growth\":0,\"aql_size_string\":true}");
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.size, 1);
    art_rig_knobs(&rig, "{\"aql_hard_limit\":1000}"); /* more than a page: each is whole */
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    art_rig_knobs(&rig, "{\"aql_hard_limit\":100}");
    is(list("cargo-local", &seen, &err), CG_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.detail, "limit"));
}

/* Deletes the first files while the first page is being told. */
static enum cg_err delete_behind(void *cls, const struct cg_art_listed *file)
{
    size_t *count = cls;

    (void)file;
    if (++*count != 1)
        return CG_OK;
    for (size_t i = 0; i < 35; i++) {
        char path[96];

        snprintf(path, sizeof(path), "/items/cargo-local/crates/c%03zu/c%03zu-1.0.%zu.crate", i / 7, i / 7, i % 7);
        json_decref(art_rig_control(&rig, "DELETE", path, NULL));
    }
    return CG_OK;
}

static void files_deleted_meanwhile_hide_no_others(void **state)
{
    struct cg_error err = {0};
    size_t count = 0;

    (void)state;
    put_many(700);
    is(cg_art_list(client, "cargo-local", delete_behind, &count, &err), CG_OK, &err);
    assert_int_equal(count, 700); /* those that are gone were told of already */
}

static void list_goes_without_aql_where_that_is_refused(void **state)
{
    struct cg_error err = {0};
    struct seen seen = {0};

    (void)state;
    is(deploy(PATH, BYTES, &err), CG_OK, &err);
    art_rig_put(&rig, "cargo-local/readme.txt", "x");
    art_rig_fault(&rig, "{\"match\":{\"row\":\"24\"},\"action\":{\"status\":403,\"message\":\"no\"}}");
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.last, PATH);
    assert_string_equal(seen.publisher, "");
    assert_int_equal(seen.yanked, -1);
    assert_int_equal(seen.size, strlen(BYTES));
    assert_int_equal(strlen(seen.sha256), 64);
}

static void list_of_one_crate_brings_nothing_else(void **state)
{
    static const struct cg_art_crate demo = {"cargo-local", "demo"}, none = {"cargo-local", "none"},
                                     gone = {"gone-local", "demo"};
    struct cg_error err = {0};
    struct seen seen = {0};

    (void)state;
    is(deploy(PATH, BYTES, &err), CG_OK, &err);
    art_rig_put(&rig, "cargo-local/crates/demo-two/demo-two-1.0.0.crate", "x");
    for (int i = 0; i < 2; i++) {
        seen.count = 0;
        is(cg_art_list_crate(client, &demo, see, &seen, &err), CG_OK, &err);
        assert_int_equal(seen.count, 1);
        assert_string_equal(seen.last, PATH);
        is(cg_art_list_crate(client, &none, see, &seen, &err), CG_OK, &err);
        assert_int_equal(seen.count, 1);
        is(cg_art_list_crate(client, &gone, see, &seen, &err), CG_ERR_UNAVAILABLE, &err);
        art_rig_fault(&rig, "{\"match\":{\"row\":\"24\"},\"action\":{\"status\":403,\"message\":\"no\"}}");
    }
}

static void repository_that_is_gone_or_closed_is_never_listed_as_empty(void **state)
{
    struct cg_error err = {0};
    struct seen seen = {0};

    (void)state;
    is(list("gone-local", &seen, &err), CG_ERR_UNAVAILABLE, &err);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "stranger"));
    is(list("cargo-local", &seen, &err), CG_ERR_DENIED, &err);
}

/* State */

static void ping_takes_the_credential_and_knows_what_is_no_artifactory(void **state)
{
    struct cg_conf_artifactory *conf;
    struct cg_error err = {0};
    char *url;

    (void)state;
    is(cg_art_ping(client, &err), CG_OK, &err);
    conf = art_rig_conf(&rig, "main", "deployer");
    url = cg_asprintf("%s/wrong", conf->url);
    conf->url = url;
    cg_art_client_reconfigure(client, conf);
    is(cg_art_ping(client, &err), CG_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.detail, "context path"));
    free(url);
}

static void write_token(const char *path, const char *token)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_int_equal(write(fd, token, strlen(token)), strlen(token));
    close(fd);
}

static void credential_that_was_replaced_on_disk_is_taken_up(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "revoked");
    struct cg_error err = {0};
    struct cg_art_item item;

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    cg_art_client_reconfigure(client, conf);
    write_token(conf->token_file, art_rig_token(&rig, "deployer"));
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, "status=401"), 1);
}

static void refused_credential_is_not_tried_again_until_it_has_changed_f1(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "expired");
    struct cg_error err = {0};
    struct cg_art_item item;
    int64_t until;

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    cg_art_client_reconfigure(client, conf);
    for (int i = 0; i < 20; i++)
        is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_ERR_UNAVAILABLE, &err);
    assert_int_equal(art_rig_asked(&rig, ""), 1);
    assert_non_null(strstr(err.detail, "credential"));
    assert_null(strstr(err.detail, "cargo-local")); /* whoever is told this need not know that repository */
    assert_true(err.retry_after_s >= 5);
    assert_true(cg_art_client_down(client, &err));
    write_token(conf->token_file, art_rig_token(&rig, "deployer"));
    for (until = cg_clock_mono_ms() + 3000; cg_clock_mono_ms() < until;) {
        if (cg_art_head(client, "cargo-local", PATH, soon(), &item, &err) == CG_OK)
            break;
        usleep(50000);
    }
    assert_false(cg_art_client_down(client, NULL));
}

struct asking {
    pthread_t thread;
    enum cg_err rc;
    struct cg_error err;
};

static void *ask(void *cls)
{
    struct asking *asking = cls;
    struct cg_art_item item;

    asking->rc = cg_art_head(client, "cargo-local", PATH, cg_clock_mono_ms() + 20000, &item, &asking->err);
    return NULL;
}

static void wait_for_requests(size_t count)
{
    int64_t until = cg_clock_mono_ms() + 20000;
    size_t in_flight = 0;

    while (in_flight < count && cg_clock_mono_ms() < until) {
        json_t *counts = art_rig_control(&rig, "GET", "/counts", NULL);

        in_flight = (size_t)json_integer_value(json_object_get(counts, "in_flight"));
        json_decref(counts);
        usleep(10000);
    }
    assert_true(in_flight >= count);
}

/* As many as open the breaker, and then the settings are others. */
static void outcomes_of_replaced_settings_count_for_nothing(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "deployer");
    struct asking asking[CG_ART_BREAKER_FAILURES];
    struct cg_error err = {0};
    struct cg_art_item item;

    (void)state;
    conf->max_connections = CG_ART_BREAKER_FAILURES;
    conf->answer_timeout = 20000;
    cg_art_client_reconfigure(client, conf);
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    art_rig_fault(&rig, "{\"match\":{\"port\":\"main\"},\"action\":{\"delay_ms\":2500,\"status\":500}}");
    for (size_t i = 0; i < CG_ART_BREAKER_FAILURES; i++)
        assert_int_equal(pthread_create(&asking[i].thread, NULL, ask, &asking[i]), 0);
    wait_for_requests(CG_ART_BREAKER_FAILURES);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "node_b", "deployer"));
    for (size_t i = 0; i < CG_ART_BREAKER_FAILURES; i++) {
        pthread_join(asking[i].thread, NULL);
        is(asking[i].rc, CG_ERR_UNAVAILABLE, &asking[i].err);
        assert_non_null(strstr(asking[i].err.detail, "settings")); /* it is not asked again where it would be wrong */
    }
    assert_false(cg_art_client_down(client, NULL));
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_OK, &err);
}

/* The refusal of the old credential comes when a new one, of another file, is in force. */
static void credential_of_replaced_settings_is_never_taken_up_again(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "expired");
    struct cg_error err = {0};
    struct asking asking;
    char *old = cg_strdup(conf->token_file);
    struct cg_art_item item;

    (void)state;
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    conf->answer_timeout = 20000;
    cg_art_client_reconfigure(client, conf);
    art_rig_fault(&rig, "{\"times\":1,\"action\":{\"delay_ms\":1500}}");
    assert_int_equal(pthread_create(&asking.thread, NULL, ask, &asking), 0);
    wait_for_requests(1);
    write_token(old, art_rig_token(&rig, "reader"));
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "deployer"));
    pthread_join(asking.thread, NULL);
    is(asking.rc, CG_OK, &asking.err);
    assert_false(cg_art_client_down(client, NULL));
    art_rig_put(&rig, "cargo-local/crates/other/other-1.0.0.crate", "x");
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_OK, &err);
    is(deploy("crates/demo/demo-0.2.0.crate", BYTES, &err), CG_OK, &err); /* which the reader may not */
    free(old);
}

static void answer_that_took_longer_than_a_stall_may_is_an_answer(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "deployer");
    struct cg_error err = {0};
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);

    (void)state;
    conf->answer_timeout = 20000;
    conf->stall_timeout = 300;
    cg_art_client_reconfigure(client, conf);
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    art_rig_fault(&rig, "{\"action\":{\"delay_ms\":800}}");
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, ""), 1);
    art_kept_free(&kept);
}

static void *get(void *cls)
{
    struct asking *asking = cls;
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);

    asking->rc = cg_art_get(client, "cargo-local", PATH, &sink, &asking->err);
    art_kept_free(&kept);
    return NULL;
}

static void drain_ends_the_wait_for_a_first_byte_and_stop_all_else(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "deployer");
    struct asking getting = {0}, asking = {0};
    struct cg_error err = {0};
    struct cg_art_item item;

    (void)state;
    conf->answer_timeout = 60000; /* so it is not that which ends them */
    cg_art_client_reconfigure(client, conf);
    art_rig_put(&rig, "cargo-local/" PATH, BYTES);
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_OK, &err);
    art_rig_fault(&rig, "{\"match\":{\"method\":\"GET\"},\"action\":{\"hang\":60}}");
    assert_int_equal(pthread_create(&getting.thread, NULL, get, &getting), 0);
    wait_for_requests(1);
    cg_art_client_drain(client);
    pthread_join(getting.thread, NULL);
    is(getting.rc, CG_ERR_UNAVAILABLE, &getting.err);
    is(cg_art_head(client, "cargo-local", PATH, soon(), &item, &err), CG_OK, &err);
    art_rig_fault(&rig, "{\"match\":{\"method\":\"HEAD\"},\"action\":{\"hang\":60}}");
    assert_int_equal(pthread_create(&asking.thread, NULL, ask, &asking), 0);
    wait_for_requests(1);
    cg_art_client_stop(client);
    pthread_join(asking.thread, NULL);
    is(asking.rc, CG_ERR_UNAVAILABLE, &asking.err);
    assert_false(cg_art_client_down(client, NULL)); /* it was us */
    is(cg_art_ping(client, &err), CG_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.detail, "being stopped"));
}

static void metrics_count_requests_and_instances_that_are_up(void **state)
{
    int64_t ok = cg_metric_get(CG_METRIC_ARTIFACTORY_OK), bad = cg_metric_get(CG_METRIC_ARTIFACTORY_UNAVAILABLE);
    int64_t up = cg_metric_get(CG_METRIC_ARTIFACTORY_UP);
    struct cg_error err = {0};

    (void)state;
    assert_int_equal(up, 1);
    is(cg_art_ping(client, &err), CG_OK, &err);
    assert_int_equal(cg_metric_get(CG_METRIC_ARTIFACTORY_OK), ok + 2);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "expired"));
    is(cg_art_ping(client, &err), CG_ERR_UNAVAILABLE, &err);
    assert_int_equal(cg_metric_get(CG_METRIC_ARTIFACTORY_UNAVAILABLE), bad + 1);
    assert_int_equal(cg_metric_get(CG_METRIC_ARTIFACTORY_UP), 0);
    cg_art_client_free(&client);
    assert_int_equal(cg_metric_get(CG_METRIC_ARTIFACTORY_UP), 0);
    client = art_rig_client(&rig);
    assert_int_equal(cg_metric_get(CG_METRIC_ARTIFACTORY_UP), 1);
}

static void connections_are_used_again(void **state)
{
    struct cg_error err = {0};

    (void)state;
    for (int i = 0; i < 30; i++)
        is(cg_art_ping(client, &err), CG_OK, &err);
    assert_int_equal(art_rig_asked(&rig, ""), 60);
}

/* Checking */

struct told {
    struct cg_buf text;
    unsigned bad, compared;
    bool compared_all;
};

static void tell(void *cls, int ok, const char *step, const char *text)
{
    struct told *told = cls;

    told->bad += ok == 0;
    cg_buf_addf(&told->text, "%d %s: %s\n", ok, step, text);
}

static void compare(void *cls, const char *line, size_t line_len, const void *crate, size_t len)
{
    struct told *told = cls;

    if (!line) {
        told->compared_all = true;
        return;
    }
    told->compared++;
    assert_non_null(memmem(line, line_len, "\"cksum\":", 8));
    assert_null(memchr(line, '\n', line_len));
    assert_true(len > 2 && memcmp(crate, "\x1f\x8b", 2) == 0);
}

static enum cg_err check(const char *repo, struct told *told)
{
    struct cg_error err = {0};
    enum cg_err rc;

    memset(told, 0, sizeof(*told));
    cg_buf_init(&told->text, 1 << 16);
    rc = cg_art_check(client, repo, &(struct cg_art_checker){.report = tell, .indexed = compare, .cls = told}, &err);
    assert_int_equal(rc == CG_OK, told->bad == 0);
    return rc;
}

static void says(struct told *told, const char *text)
{
    if (!strstr(cg_buf_str(&told->text), text))
        print_message("%s", cg_buf_str(&told->text));
    assert_non_null(strstr(cg_buf_str(&told->text), text));
}

static void check_of_a_good_repository_finds_nothing_bad(void **state)
{
    static const char *const steps[] = {"1 reachable",  "-2 tls",       "1 version: Artifactory 7.90",
                                        "1 credential", "1 repository", "1 read",
                                        "1 deploy",     "1 annotate",   "1 delete",
                                        "P1 ",          "P2 ",          "P3 ",
                                        "P4 ",          "P5 ",          "P8 ",
                                        "P9 ",          "P10 ",         "P11 ",
                                        "P12 ",         "P6 "};
    struct told told;

    (void)state;
    if (check("cargo-local", &told) != CG_OK)
        print_message("%s", cg_buf_str(&told.text));
    assert_int_equal(told.bad, 0);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        says(&told, steps[i]);
    assert_null(strstr(cg_buf_str(&told.text), art_rig_token(&rig, "deployer")));
    cg_buf_free(&told.text);
    assert_int_equal(check("generic-local", &told), CG_OK);
    cg_buf_free(&told.text);
}

static void checks_leave_one_file_that_is_no_crate(void **state)
{
    struct cg_error err = {0};
    struct seen seen = {0};
    struct told told;
    json_t *items;

    (void)state;
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            art_rig_knobs(&rig, "{\"identical_redeploy\":false}"); /* the same bytes are an overwriting, too */
        assert_int_equal(check("cargo-local", &told), CG_OK);
        says(&told, "1 deploy: the account may deploy");
        says(&told, "1 delete: the account may not delete or overwrite");
        says(&told, "stays at cargo-local/.crategate-check/probe.txt");
        cg_buf_free(&told.text);
    }
    items = art_rig_control(&rig, "GET", "/items?repo=cargo-local", NULL);
    assert_int_equal(json_array_size(items), 1);
    json_decref(items);
    is(list("cargo-local", &seen, &err), CG_OK, &err);
    assert_int_equal(seen.count, 0);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "reader"));
    assert_int_equal(check("cargo-local", &told), CG_ERR_UNAVAILABLE);
    says(&told, "0 deploy"); /* whatever an earlier check was allowed */
    cg_buf_free(&told.text);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "owner"));
    assert_int_equal(check("cargo-local", &told), CG_OK);
    cg_buf_free(&told.text);
    items = art_rig_control(&rig, "GET", "/items?repo=cargo-local", NULL);
    assert_int_equal(json_array_size(items), 0);
    json_decref(items);
}

static void check_says_what_is_wrong(void **state)
{
    struct told told;

    (void)state;
    assert_int_equal(check("gone-local", &told), CG_ERR_UNAVAILABLE);
    says(&told, "0 read");
    cg_buf_free(&told.text);
    assert_int_equal(check("cargo-virtual", &told), CG_ERR_UNAVAILABLE);
    says(&told, "0 repository: cargo-virtual is a virtual repository");
    cg_buf_free(&told.text);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "reader"));
    assert_int_equal(check("cargo-local", &told), CG_ERR_UNAVAILABLE);
    says(&told, "0 deploy");
    cg_buf_free(&told.text);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "expired"));
    assert_int_equal(check("cargo-local", &told), CG_ERR_UNAVAILABLE);
    says(&told, "0 credential");
    cg_buf_free(&told.text);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "owner"));
    assert_int_equal(check("cargo-local", &told), CG_OK);
    says(&told, "-2 delete: the account may delete");
    cg_buf_free(&told.text);
}

static void check_goes_through_with_every_profile(void **state)
{
    static const char *const profiles[] = {"7.46", "7.50", "7.55", "7.161"};

    (void)state;
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++) {
        struct told told;
        char json[64];

        snprintf(json, sizeof(json), "{\"profile\":\"%s\"}", profiles[i]);
        art_rig_knobs(&rig, json);
        assert_int_equal(check("cargo-local", &told), CG_OK);
        cg_buf_free(&told.text);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(deployed_file_is_there_with_sums_and_properties),
        TEST(same_bytes_are_not_put_twice),
        TEST(other_bytes_are_a_conflict_even_for_an_account_that_may_overwrite),
        TEST(large_file_that_artifactory_knows_is_not_sent_again),
        TEST(account_without_the_right_is_told_which_one),
        TEST(odd_places_are_never_asked_for),
        TEST(missing_file_is_absent_and_a_missing_repository_is_not),
        TEST(download_brings_all_bytes_and_their_size_first),
        TEST(sink_that_has_enough_ends_the_download_with_its_own_result),
        TEST(properties_are_set_with_all_their_signs),
        TEST(list_tells_of_crates_alone_with_what_is_noted),
        TEST(list_goes_through_all_pages_and_tells_of_each_once_f30),
        TEST(files_deleted_meanwhile_hide_no_others),
        TEST(list_goes_without_aql_where_that_is_refused),
        TEST(list_of_one_crate_brings_nothing_else),
        TEST(repository_that_is_gone_or_closed_is_never_listed_as_empty),
        TEST(ping_takes_the_credential_and_knows_what_is_no_artifactory),
        TEST(credential_that_was_replaced_on_disk_is_taken_up),
        TEST(refused_credential_is_not_tried_again_until_it_has_changed_f1),
        TEST(outcomes_of_replaced_settings_count_for_nothing),
        TEST(credential_of_replaced_settings_is_never_taken_up_again),
        TEST(answer_that_took_longer_than_a_stall_may_is_an_answer),
        TEST(drain_ends_the_wait_for_a_first_byte_and_stop_all_else),
        TEST(metrics_count_requests_and_instances_that_are_up),
        TEST(connections_are_used_again),
        TEST(check_of_a_good_repository_finds_nothing_bad),
        TEST(checks_leave_one_file_that_is_no_crate),
        TEST(check_says_what_is_wrong),
        TEST(check_goes_through_with_every_profile),
    };
    int failed;

    if (!art_rig_start(&rig)) {
        puts("SKIP: python3 is not installed");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    art_rig_stop(&rig);
    return failed;
}

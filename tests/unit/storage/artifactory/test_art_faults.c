/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The faults F1 to F32 of artifactory.md 6.4, injected by the double: each ends
 * in the right code, with a sentence, in time, and leaves nothing half done.
 * (F19 and F21 are the index's and concern no client that never reads it.)
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "art_rig.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"

#define PATH "crates/demo/demo-0.1.0.crate"
#define NEW "crates/fresh/fresh-1.0.0.crate"
#define LEN 60000

static struct art_rig rig;
static struct cg_art_client *client;
static char bytes[LEN + 1];

static int set_up(void **state)
{
    (void)state;
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    client = art_rig_client(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_art_client_free(&client);
    return 0;
}

/* A fault by name; what follows goes into the rule. */
static void fault(const char *name, const char *variant, const char *more)
{
    char *json = cg_asprintf("{\"fault\":\"%s\",\"variant\":\"%s\"%s%s}", name, variant, *more ? "," : "", more);

    art_rig_fault(&rig, json);
    free(json);
}

static void fresh_client(const char *port)
{
    cg_art_client_free(&client);
    client = cg_art_client_new(art_rig_conf(&rig, port, "deployer"));
}

static void is(enum cg_err rc, enum cg_err wanted, const struct cg_error *err)
{
    if (rc != wanted)
        print_message("%s: %s (%s)\n", cg_err_name(rc), err->detail, err->internal);
    assert_int_equal(rc, wanted);
    if (rc == CG_ERR_UNAVAILABLE)
        assert_true(err->retry_after_s > 0);
    assert_null(strchr(err->detail, '<'));
    assert_null(strstr(err->detail, art_rig_token(&rig, "deployer")));
    assert_null(strstr(err->internal, art_rig_token(&rig, "deployer")));
}

static void in_time(int64_t began, int64_t most)
{
    int64_t took = cg_clock_mono_ms() - began;

    if (took > most)
        print_message("took %lld ms\n", (long long)took);
    assert_true(took <= most);
}

/* Each operation, with a sentence that must name `says`. */

static void head_is(enum cg_err wanted, const char *says)
{
    struct cg_error err = {0};
    struct cg_art_item item;
    int64_t began = cg_clock_mono_ms();

    is(cg_art_head(client, "cargo-local", PATH, began + 3000, &item, &err), wanted, &err);
    in_time(began, RIG_LONGEST_MS);
    assert_non_null(strstr(err.detail, says));
}

static void get_is(enum cg_err wanted, const char *says)
{
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};
    int64_t began = cg_clock_mono_ms();

    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), wanted, &err);
    in_time(began, RIG_LONGEST_MS);
    assert_non_null(strstr(err.detail, says));
    /* Never a byte that is not the file's, and never fewer than all where it says OK. */
    if (wanted == CG_OK)
        assert_int_equal(kept.bytes.len, LEN);
    assert_memory_equal(cg_buf_str(&kept.bytes), bytes, kept.bytes.len);
    art_kept_free(&kept);
}

static enum cg_err deploy_within(int64_t ms, struct cg_error *err)
{
    struct art_file file;
    int64_t began = cg_clock_mono_ms();
    enum cg_err rc;

    art_file_make(&file, NEW, bytes, LEN);
    rc = cg_art_deploy(client, &file.deploy, began + ms, err);
    art_file_close(&file);
    in_time(began, ms + 1500);
    return rc;
}

static void deploy_is(enum cg_err wanted, const char *says)
{
    struct cg_error err = {0};

    is(deploy_within(3000, &err), wanted, &err);
    assert_non_null(strstr(err.detail, says));
}

static bool is_stored(void)
{
    json_t *items = art_rig_control(&rig, "GET", "/items?repo=cargo-local", NULL);
    char *text = json_dumps(items, 0);
    bool there = strstr(text, NEW) != NULL;

    free(text);
    json_decref(items);
    return there;
}

static enum cg_err ignore(void *cls, const struct cg_art_listed *file)
{
    (void)file;
    ++*(size_t *)cls;
    return CG_OK;
}

static void list_is(enum cg_err wanted, const char *says)
{
    struct cg_error err = {0};
    size_t count = 0;
    int64_t began = cg_clock_mono_ms();

    is(cg_art_list(client, "cargo-local", ignore, &count, &err), wanted, &err);
    in_time(began, 2 * RIG_LONGEST_MS);
    assert_non_null(strstr(err.detail, says));
}

static void props_are(enum cg_err wanted, const char *says)
{
    struct cg_art_prop prop = {CG_ART_PROP_YANKED, "true"};
    struct cg_error err = {0};
    int64_t began = cg_clock_mono_ms();

    is(cg_art_set_props(client, "cargo-local", PATH, &prop, 1, &err), wanted, &err);
    in_time(began, RIG_LONGEST_MS);
    assert_non_null(strstr(err.detail, says));
}

/* All of them on a new client each, so that the breaker of one does not answer for the next. */
static void all_are(enum cg_err wanted, const char *says)
{
    head_is(wanted, says);
    fresh_client("main");
    get_is(wanted, says);
    fresh_client("main");
    deploy_is(wanted, says);
    fresh_client("main");
    list_is(wanted, says);
    fresh_client("main");
    props_are(wanted, says);
    assert_false(is_stored());
}

/* Refusals */

static void f1_refused_credential_is_our_fault_and_asked_once(void **state)
{
    (void)state;
    fault("F1", "", "");
    all_are(CG_ERR_UNAVAILABLE, "credential");
    assert_int_equal(art_rig_asked(&rig, "status=401"), 5);
}

static void f2_lock_out_is_waited_for_with_a_single_probe(void **state)
{
    struct cg_error err = {0};
    struct cg_art_item item;
    int64_t began = cg_clock_mono_ms();

    (void)state;
    fault("F2", "", "\"times\":2"); /* HEAD has no words: its reason is asked for */
    head_is(CG_ERR_UNAVAILABLE, "locked out");
    for (int i = 0; i < 10; i++)
        head_is(CG_ERR_UNAVAILABLE, "locked out");
    assert_int_equal(art_rig_asked(&rig, ""), 2);
    assert_true(cg_art_client_down(client, &err));
    assert_in_range(err.retry_after_s, 1, 4);
    while (cg_art_head(client, "cargo-local", PATH, cg_clock_mono_ms() + 1000, &item, &err) != CG_OK)
        usleep(50000);
    assert_in_range(cg_clock_mono_ms() - began, 3000, 4500);
}

static void f3_missing_right_is_denied_and_not_repeated(void **state)
{
    (void)state;
    fault("F3", "", "\"match\":{\"repo\":\"cargo-local\"}");
    head_is(CG_ERR_DENIED, "cargo-local");
    get_is(CG_ERR_DENIED, "read");
    deploy_is(CG_ERR_DENIED, "cargo-local");
    props_are(CG_ERR_DENIED, "annotate");
    list_is(CG_ERR_DENIED, "read");
    assert_false(cg_art_client_down(client, NULL));
}

static void f4_hidden_repository_is_not_a_missing_crate(void **state)
{
    (void)state;
    fault("F4", "", "\"match\":{\"repo\":\"cargo-local\"}");
    all_are(CG_ERR_UNAVAILABLE, "no such repository");
    assert_false(cg_art_client_down(client, NULL));
}

static void f5_missing_artifact_is_absent(void **state)
{
    (void)state;
    fault("F5", "", "\"match\":{\"path\":\"*/demo-*\"}");
    get_is(CG_ERR_ABSENT, PATH);
}

static void f6_conflict_is_one_only_when_other_bytes_are_there(void **state)
{
    (void)state;
    fault("F6", "", "");
    deploy_is(CG_ERR_UNAVAILABLE, "do not arrive as they were sent");
    assert_false(is_stored());
    art_rig_reset(&rig);
    fault("F6", "", "\"times\":1"); /* damaged once */
    deploy_is(CG_OK, "");
    art_rig_reset(&rig);
    fault("F6", "overwrite", "");
    deploy_is(CG_ERR_DENIED, "deploy");
    art_rig_reset(&rig);
    fault("F6", "odd", "");
    deploy_is(CG_ERR_UNAVAILABLE, "400");
}

static void race(const char *theirs, enum cg_err wanted)
{
    /* Somebody puts it between our look and our PUT. */
    art_rig_reset(&rig);
    art_rig_fault(&rig, "{\"match\":{\"method\":\"HEAD\",\"nth\":1},\"action\":{\"status\":404}}");
    art_rig_put(&rig, "cargo-local/" NEW, theirs);
    deploy_is(wanted, "");
}

static void f6_race_with_another_writer_is_settled_by_what_is_there(void **state)
{
    (void)state;
    race(bytes, CG_OK);
    race("other bytes", CG_ERR_CONFLICT);
    art_rig_knobs(&rig, "{\"overwrite_status\":400}");
    race("other bytes", CG_ERR_CONFLICT);
    art_rig_knobs(&rig, "{\"hide_unauthorized\":true}");
    race("other bytes", CG_ERR_CONFLICT);
}

static void f7_too_large_is_said_before_or_after_the_body(void **state)
{
    (void)state;
    fault("F7", "", "");
    deploy_is(CG_ERR_TOO_LARGE, "room");
    art_rig_reset(&rig);
    fault("F7", "after", "");
    deploy_is(CG_ERR_TOO_LARGE, "room");
    art_rig_reset(&rig);
    art_rig_knobs(&rig, "{\"max_size\":1000}");
    deploy_is(CG_ERR_TOO_LARGE, "room");
    assert_false(cg_art_client_down(client, NULL));
}

/* Load and outages */

static void f8_throttling_is_waited_out_where_there_is_time(void **state)
{
    struct cg_error err = {0};
    int64_t began;

    (void)state;
    fault("F8", "", "\"times\":1");
    deploy_is(CG_OK, "");
    art_rig_reset(&rig);
    fault("F8", "seconds", "\"times\":1,\"match\":{\"row\":\"9\"}");
    began = cg_clock_mono_ms();
    is(deploy_within(6000, &err), CG_OK, &err);
    assert_true(cg_clock_mono_ms() - began >= 2000);
    art_rig_reset(&rig);
    fault("F8", "date", "\"times\":1,\"match\":{\"row\":\"9\"}");
    is(deploy_within(6000, &err), CG_OK, &err);
}

static void f8_absurd_retry_after_is_capped_and_not_waited_for(void **state)
{
    struct cg_error err = {0};
    int64_t began = cg_clock_mono_ms();

    (void)state;
    fault("F8", "absurd", "");
    deploy_is(CG_ERR_UNAVAILABLE, "more requests");
    assert_true(cg_art_client_down(client, &err));
    assert_in_range(err.retry_after_s, 55, 67);
    get_is(CG_ERR_UNAVAILABLE, "more requests");
    in_time(began, 1500);
}

static void f8_throttled_aql_stops_nothing_else(void **state)
{
    (void)state;
    fault("F8", "absurd", "\"match\":{\"row\":\"24\"}");
    list_is(CG_ERR_UNAVAILABLE, "more requests");
    get_is(CG_OK, "");
}

static void f8_throttled_aql_is_asked_again_when_it_said(void **state)
{
    int64_t began = cg_clock_mono_ms();

    (void)state;
    art_rig_fault(&rig, "{\"match\":{\"row\":\"24\"},\"times\":1,\"action\":{\"status\":429,\"body\":\"\","
                        "\"headers\":{\"Retry-After\":\"1\"}}}");
    list_is(CG_OK, "");
    assert_true(cg_clock_mono_ms() - began >= 1000);
}

static void f9_errors_of_its_own_are_repeated_and_never_relayed(void **state)
{
    static const char *const variants[] = {"", "502", "504"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        art_rig_reset(&rig);
        fresh_client("main");
        fault("F9", variants[i], "\"times\":1");
        deploy_is(CG_OK, "");
        art_rig_reset(&rig);
        art_rig_put(&rig, "cargo-local/" PATH, bytes);
        fault("F9", variants[i], "\"times\":1");
        get_is(CG_OK, "");
        fault("F9", variants[i], "");
        get_is(CG_ERR_UNAVAILABLE, "corp");
    }
    art_rig_reset(&rig);
    fresh_client("main");
    fault("F9", "committed", "\"match\":{\"row\":\"9\"}");
    deploy_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
}

static void f9_dead_instance_is_not_waited_for_by_everybody(void **state)
{
    (void)state;
    fault("F9", "", "");
    for (int i = 0; i < 3; i++)
        head_is(CG_ERR_UNAVAILABLE, "internal error");
    assert_true(cg_art_client_down(client, NULL));
    assert_int_equal(art_rig_asked(&rig, ""), 5);
    json_decref(art_rig_control(&rig, "DELETE", "/rules", NULL));
    for (int64_t until = cg_clock_mono_ms() + 3000; cg_art_client_down(client, NULL);) {
        struct cg_art_item item;
        struct cg_error err = {0};

        if (cg_art_head(client, "cargo-local", PATH, cg_clock_mono_ms() + 500, &item, &err) != CG_OK)
            usleep(20000);
        assert_true(cg_clock_mono_ms() < until);
    }
}

static void f10_maintenance_is_unavailable_with_its_retry_after(void **state)
{
    struct cg_error err = {0};

    (void)state;
    fault("F10", "", "");
    all_are(CG_ERR_UNAVAILABLE, "maintenance");
    art_rig_reset(&rig);
    fresh_client("main");
    fault("F10", "seconds", "");
    is(deploy_within(1000, &err), CG_ERR_UNAVAILABLE, &err); /* no time for a second */
    assert_int_equal(err.retry_after_s, 2);
}

static void f32_expired_licence_is_said(void **state)
{
    (void)state;
    fault("F32", "", "");
    all_are(CG_ERR_UNAVAILABLE, "its licence has expired");
}

/* Time */

static void f11_late_answers_end_in_time(void **state)
{
    (void)state;
    fault("F11", "", "\"action\":{\"delay_ms\":5000}");
    head_is(CG_ERR_UNAVAILABLE, "time");
    fresh_client("main");
    get_is(CG_ERR_UNAVAILABLE, "time");
    fresh_client("main");
    deploy_is(CG_ERR_UNAVAILABLE, "");
    art_rig_reset(&rig);
    fresh_client("main");
    fault("F11", "never", "\"times\":1,\"match\":{\"row\":\"9\"},\"action\":{\"hang\":3}");
    deploy_is(CG_OK, ""); /* carried out and never answered */
}

static void f12_slow_body_is_given_up(void **state)
{
    int64_t began = cg_clock_mono_ms();

    (void)state;
    fault("F12", "", "\"action\":{\"bytes_per_s\":20}");
    get_is(CG_ERR_UNAVAILABLE, "stall_timeout");
    in_time(began, RIG_STALL_MS + 2200);
}

static void slow_but_steady_body_has_all_the_time_it_needs(void **state)
{
    int64_t began = cg_clock_mono_ms();

    (void)state;
    fault("F12", "", "\"action\":{\"bytes_per_s\":20000}");
    get_is(CG_OK, "");
    assert_true(cg_clock_mono_ms() - began > RIG_CONNECT_MS + 2 * RIG_ANSWER_MS);
}

static void slow_sink_is_not_held_against_artifactory(void **state)
{
    size_t len = 8 << 20;
    char *large = cg_malloc(len + 1);
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};

    (void)state;
    memset(large, 'x', len);
    large[len] = '\0';
    art_rig_put(&rig, "cargo-local/" NEW, large);
    kept.sleep_ms = RIG_STALL_MS + 500;
    is(cg_art_get(client, "cargo-local", NEW, &sink, &err), CG_OK, &err);
    assert_int_equal(kept.bytes.len, len);
    art_kept_free(&kept);
    free(large);
}

static void *hold_a_connection(void *cls)
{
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};

    kept.sleep_ms = 4000;
    *(enum cg_err *)cls = cg_art_get(client, "cargo-local", PATH, &sink, &err);
    art_kept_free(&kept);
    return NULL;
}

static void nobody_waits_for_a_connection_beyond_the_deadline(void **state)
{
    struct cg_conf_artifactory *conf = art_rig_conf(&rig, "main", "deployer");
    struct cg_error err = {0};
    struct cg_art_item item;
    enum cg_err held = CG_ERR_INTERNAL;
    pthread_t thread;
    int64_t began;

    (void)state;
    conf->max_connections = 1;
    cg_art_client_reconfigure(client, conf);
    assert_int_equal(pthread_create(&thread, NULL, hold_a_connection, &held), 0);
    usleep(500000);
    began = cg_clock_mono_ms();
    is(cg_art_head(client, "cargo-local", PATH, began + 700, &item, &err), CG_ERR_UNAVAILABLE, &err);
    in_time(began, 1500);
    assert_non_null(strstr(err.detail, "max_connections"));
    assert_false(cg_art_client_down(client, NULL)); /* our own limit says nothing of Artifactory */
    pthread_join(thread, NULL);
    assert_int_equal(held, CG_OK);
}

/* Broken connections */

static void f13_broken_download_is_resumed(void **state)
{
    (void)state;
    fault("F13", "", "\"times\":2,\"action\":{\"reset_after\":9000}");
    get_is(CG_OK, "");
    assert_true(art_rig_asked(&rig, "row=12") >= 1);
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    art_rig_knobs(&rig, "{\"etag_quoted\":true}");
    fault("F13", "", "\"times\":1,\"action\":{\"reset_after\":9000}");
    get_is(CG_OK, "");
}

static void f13_download_that_always_breaks_is_given_up(void **state)
{
    (void)state;
    fault("F13", "", "\"action\":{\"reset_after\":300}");
    get_is(CG_ERR_UNAVAILABLE, "");
    assert_true(art_rig_asked(&rig, "") <= 8);
}

static void f13_file_that_changed_meanwhile_is_not_mixed(void **state)
{
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};

    (void)state;
    fault("F13", "", "\"times\":1,\"action\":{\"reset_after\":9000}");
    /* The rest is asked for with If-Range; another file answers whole, under another tag. */
    art_rig_fault(&rig, "{\"match\":{\"header\":\"Range\"},\"action\":{\"status\":200,\"body\":\"another file\","
                        "\"content_type\":\"application/octet-stream\",\"headers\":{\"ETag\":\"other\"}}}");
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.detail, "changed"));
    assert_memory_equal(cg_buf_str(&kept.bytes), bytes, kept.bytes.len);
    art_kept_free(&kept);
}

static void f14_early_end_is_never_taken_for_the_whole(void **state)
{
    static const char *const variants[] = {"", "longer", "chunked"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct art_kept kept;
        struct cg_art_sink sink = art_kept_sink(&kept);
        struct cg_error err = {0};

        fresh_client("main");
        art_rig_reset(&rig);
        art_rig_put(&rig, "cargo-local/" PATH, bytes);
        fault("F14", variants[i], "");
        is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_ERR_UNAVAILABLE, &err);
        assert_null(strstr(err.detail, "416"));
        if (i > 0)
            assert_non_null(strstr(err.detail, "it has no more of it"));
        art_kept_free(&kept);
    }
}

static void f15_reset_upload_is_sent_again(void **state)
{
    (void)state;
    fault("F15", "", "\"times\":1");
    deploy_is(CG_OK, "");
    art_rig_reset(&rig);
    fault("F15", "", "");
    deploy_is(CG_ERR_UNAVAILABLE, "");
    assert_false(is_stored());
}

static void f16_lost_answer_is_settled_by_what_is_there(void **state)
{
    (void)state;
    fault("F16", "", "\"match\":{\"row\":\"9\"}");
    deploy_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
    assert_true(is_stored());
    art_rig_reset(&rig);
    fault("F16", "reset", "\"match\":{\"row\":\"9\"}");
    deploy_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
}

/* Nonsense */

static void f17_wrong_bytes_reach_the_sink_which_sums_them(void **state)
{
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};

    (void)state;
    fault("F17", "", "\"times\":1");
    is(cg_art_get(client, "cargo-local", PATH, &sink, &err), CG_OK, &err);
    assert_int_equal(kept.bytes.len, LEN);
    assert_memory_not_equal(cg_buf_str(&kept.bytes), bytes, LEN);
    art_kept_free(&kept);
}

static void f18_checksum_headers_are_not_believed_against_the_bytes(void **state)
{
    struct cg_error err = {0};
    struct cg_art_item item;

    (void)state;
    art_rig_put(&rig, "cargo-local/" NEW, bytes);
    fault("F18", "", "");
    deploy_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "row=9"), 0);
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" NEW, bytes);
    fault("F18", "missing", "");
    /* And the database does not tell either: the bytes themselves. */
    art_rig_fault(&rig, "{\"match\":{\"row\":\"18\"},\"action\":{\"status\":200,\"body\":\"{}\"}}");
    deploy_is(CG_OK, "");
    is(cg_art_head(client, "cargo-local", NEW, cg_clock_mono_ms() + 1000, &item, &err), CG_OK, &err);
    assert_string_equal(item.sha256, "");
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" NEW, "other bytes");
    fault("F18", "missing", "");
    deploy_is(CG_ERR_CONFLICT, "");
}

static void f22_malformed_answers_are_unavailable(void **state)
{
    static const char *const variants[] = {"", "type", "empty"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        art_rig_reset(&rig);
        art_rig_put(&rig, "cargo-local/" PATH, bytes);
        fresh_client("main");
        fault("F22", variants[i], "\"match\":{\"row\":\"24\"}");
        list_is(CG_ERR_UNAVAILABLE, "");
        fault("F22", variants[i], "\"match\":{\"row\":\"11\"}");
        get_is(CG_ERR_UNAVAILABLE, "");
        fresh_client("main");
        fault("F22", variants[i], "\"match\":{\"row\":\"9\"},\"times\":1");
        deploy_is(CG_OK, ""); /* not stored the first time, and nobody believed it was */
        assert_true(is_stored());
    }
}

static void f23_errors_with_a_good_status_are_errors(void **state)
{
    (void)state;
    fault("F23", "", "\"match\":{\"method\":\"GET,POST,PUT\"}");
    get_is(CG_ERR_UNAVAILABLE, "");
    fresh_client("main");
    list_is(CG_ERR_UNAVAILABLE, "");
    fresh_client("main");
    props_are(CG_ERR_UNAVAILABLE, "error in place");
    fresh_client("main");
    deploy_is(CG_ERR_UNAVAILABLE, "");
    assert_false(is_stored());
}

static void f24_huge_error_body_is_cut(void **state)
{
    (void)state;
    fault("F24", "", "");
    all_are(CG_ERR_UNAVAILABLE, "internal error");
}

static void f25_odd_headers_do_no_harm(void **state)
{
    (void)state;
    fault("F25", "", "");
    get_is(CG_OK, "");
    deploy_is(CG_OK, "");
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    fault("F25", "trailers", "");
    get_is(CG_OK, "");
    art_rig_reset(&rig);
    fault("F25", "big", "");
    head_is(CG_ERR_UNAVAILABLE, "larger than the gateway reads");
    fresh_client("main");
    get_is(CG_ERR_UNAVAILABLE, "larger than the gateway reads");
}

/* Redirects */

static void f20_redirected_head_is_answered_by_the_database(void **state)
{
    struct cg_art_item item;
    struct cg_error err = {0};

    (void)state;
    fault("F20", "", "\"match\":{\"method\":\"HEAD\"}");
    is(cg_art_head(client, "cargo-local", PATH, cg_clock_mono_ms() + 2000, &item, &err), CG_OK, &err);
    assert_int_equal(strlen(item.sha256), 64);
    assert_int_equal(item.size, LEN);
    deploy_is(CG_OK, ""); /* the same again */
}

static void f20_redirect_is_followed_without_the_credential(void **state)
{
    char *text;

    (void)state;
    fault("F20", "", "\"match\":{\"row\":\"11\"}"); /* another port of the instance's own host */
    get_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "port=signed"), 1);
    text = art_rig_logged(&rig, "port=signed", "headers");
    assert_null(strstr(text, "Authorization"));
    free(text);
    text = art_rig_logged(&rig, "row=11", "headers");
    assert_non_null(strstr(text, "Authorization"));
    free(text);
}

static void f20_expired_signature_is_asked_for_anew(void **state)
{
    (void)state;
    json_decref(art_rig_control(&rig, "POST", "/repos/cargo-local", "{\"downloadRedirect\":true}"));
    fault("F20", "expired", "\"match\":{\"row\":\"11\"},\"times\":1");
    get_is(CG_OK, "");
    fault("F20", "expired", "\"match\":{\"row\":\"11\"}");
    get_is(CG_ERR_UNAVAILABLE, "status 403");
    assert_false(cg_art_client_down(client, NULL));
}

static void f20_loop_and_downgrade_are_refused(void **state)
{
    (void)state;
    fault("F20", "loop", "\"match\":{\"row\":\"11\"}");
    get_is(CG_ERR_UNAVAILABLE, "more than 3 times");
    assert_int_equal(art_rig_asked(&rig, "row=11"), 4);
    art_rig_reset(&rig);
    fresh_client("main");
    fault("F20", "private", "");
    get_is(CG_ERR_UNAVAILABLE, "private address");
    art_rig_reset(&rig);
    art_rig_put(&rig, "cargo-local/" PATH, bytes);
    fresh_client("tls");
    fault("F20", "downgrade", "\"match\":{\"row\":\"11\"}");
    get_is(CG_ERR_UNAVAILABLE, "https to http");
    assert_false(cg_art_client_down(client, NULL));
}

/* TLS and the network */

static void f26_bad_certificates_are_refused(void **state)
{
    static const char *const ports[] = {"tls_expired", "tls_wrong_host", "tls_self_signed", "tls_old"};

    (void)state;
    fresh_client("tls");
    get_is(CG_OK, "");
    for (size_t i = 0; i < 4; i++) {
        fresh_client(ports[i]);
        get_is(CG_ERR_UNAVAILABLE, "TLS");
        assert_int_equal(art_rig_asked(&rig, "port=tls_expired") + art_rig_asked(&rig, "port=tls_old"), 0);
    }
}

static void f27_dead_ports_are_unavailable_in_time(void **state)
{
    static const char *const variants[] = {"", "silent", "mute"};
    struct cg_conf_artifactory *conf;
    int64_t began;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        art_rig_reset(&rig);
        fresh_client("main");
        fault("F27", variants[i], "");
        get_is(CG_ERR_UNAVAILABLE, "it ");
        fresh_client("main");
        deploy_is(CG_ERR_UNAVAILABLE, "it ");
    }
    art_rig_reset(&rig);
    conf = art_rig_conf(&rig, "main", "deployer");
    conf->url = (char[]){"http://nowhere.invalid/artifactory"};
    cg_art_client_reconfigure(client, conf);
    began = cg_clock_mono_ms();
    get_is(CG_ERR_UNAVAILABLE, "");
    in_time(began, RIG_LONGEST_MS);
}

static void f27_breaker_answers_at_once_and_lets_one_find_out(void **state)
{
    int64_t began;

    (void)state;
    fault("F27", "mute", "");
    for (int i = 0; i < 3; i++)
        head_is(CG_ERR_UNAVAILABLE, "");
    assert_true(cg_art_client_down(client, NULL));
    began = cg_clock_mono_ms();
    for (int i = 0; i < 100; i++) {
        struct cg_art_item item;
        struct cg_error err = {0};

        (void)!cg_art_head(client, "cargo-local", PATH, cg_clock_mono_ms() + 3000, &item, &err);
    }
    in_time(began, 3 * (RIG_ANSWER_MS + 1000)); /* at most a few probes, and not a hundred waits */
}

static void f28_clocks_that_differ_do_no_harm(void **state)
{
    (void)state;
    fault("F28", "", "");
    get_is(CG_OK, "");
    fault("F28", "behind", "");
    deploy_is(CG_OK, "");
}

static void f29_fresh_file_is_found_on_the_other_node(void **state)
{
    struct art_kept kept;
    struct cg_art_sink sink = art_kept_sink(&kept);
    struct cg_error err = {0};
    struct cg_art_item item;

    (void)state;
    fault("F29", "", "");
    deploy_is(CG_OK, "");
    for (int i = 0; i < 4; i++)
        is(cg_art_head(client, "cargo-local", NEW, cg_clock_mono_ms() + 2000, &item, &err), CG_OK, &err);
    is(cg_art_get(client, "cargo-local", NEW, &sink, &err), CG_OK, &err);
    art_kept_free(&kept);
    art_rig_reset(&rig);
    fault("F29", "", "");
    fault("F16", "", "\"match\":{\"row\":\"9\"}"); /* and the answer was lost */
    deploy_is(CG_OK, "");
    assert_int_equal(art_rig_asked(&rig, "row=9"), 1);
}

static void f31_blacked_out_repository_leaves_the_others_alone(void **state)
{
    (void)state;
    fault("F31", "", "\"match\":{\"repo\":\"cargo-local\"}");
    all_are(CG_ERR_UNAVAILABLE, "blacked out");
    art_rig_reset(&rig);
    fault("F31", "forbidden", "\"match\":{\"repo\":\"cargo-local\"}");
    all_are(CG_ERR_UNAVAILABLE, "blacked out");
    assert_false(cg_art_client_down(client, NULL));
}

/* Many at once */

static void *hammer(void *cls)
{
    unsigned *good = cls;

    for (int i = 0; i < 15; i++) {
        struct art_kept kept;
        struct cg_art_sink sink = art_kept_sink(&kept);
        struct cg_error err = {0};

        *good += cg_art_get(client, "cargo-local", PATH, &sink, &err) == CG_OK && kept.bytes.len == LEN;
        art_kept_free(&kept);
    }
    return NULL;
}

static void many_threads_share_few_connections_through_a_reload(void **state)
{
    pthread_t threads[8];
    unsigned good[8] = {0}, all = 0;
    json_t *counts;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &good[i]), 0);
    usleep(50000);
    cg_art_client_reconfigure(client, art_rig_conf(&rig, "main", "deployer"));
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        all += good[i];
    }
    assert_int_equal(all, 8 * 15);
    counts = art_rig_control(&rig, "GET", "/counts", NULL);
    assert_true(json_integer_value(json_object_get(counts, "most_in_flight")) <= 8);
    json_decref(counts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static const struct CMUnitTest tests[] = {
    /* Those that wait longest come first. */
    TEST(f27_dead_ports_are_unavailable_in_time),
    TEST(f11_late_answers_end_in_time),
    TEST(f27_breaker_answers_at_once_and_lets_one_find_out),
    TEST(f1_refused_credential_is_our_fault_and_asked_once),
    TEST(f2_lock_out_is_waited_for_with_a_single_probe),
    TEST(f3_missing_right_is_denied_and_not_repeated),
    TEST(f4_hidden_repository_is_not_a_missing_crate),
    TEST(f5_missing_artifact_is_absent),
    TEST(f6_conflict_is_one_only_when_other_bytes_are_there),
    TEST(f6_race_with_another_writer_is_settled_by_what_is_there),
    TEST(f7_too_large_is_said_before_or_after_the_body),
    TEST(f8_throttling_is_waited_out_where_there_is_time),
    TEST(f8_absurd_retry_after_is_capped_and_not_waited_for),
    TEST(f8_throttled_aql_stops_nothing_else),
    TEST(f8_throttled_aql_is_asked_again_when_it_said),
    TEST(f9_errors_of_its_own_are_repeated_and_never_relayed),
    TEST(f9_dead_instance_is_not_waited_for_by_everybody),
    TEST(f10_maintenance_is_unavailable_with_its_retry_after),
    TEST(f12_slow_body_is_given_up),
    TEST(slow_but_steady_body_has_all_the_time_it_needs),
    TEST(slow_sink_is_not_held_against_artifactory),
    TEST(nobody_waits_for_a_connection_beyond_the_deadline),
    TEST(f13_broken_download_is_resumed),
    TEST(f13_download_that_always_breaks_is_given_up),
    TEST(f13_file_that_changed_meanwhile_is_not_mixed),
    TEST(f14_early_end_is_never_taken_for_the_whole),
    TEST(f15_reset_upload_is_sent_again),
    TEST(f16_lost_answer_is_settled_by_what_is_there),
    TEST(f17_wrong_bytes_reach_the_sink_which_sums_them),
    TEST(f18_checksum_headers_are_not_believed_against_the_bytes),
    TEST(f20_redirect_is_followed_without_the_credential),
    TEST(f20_redirected_head_is_answered_by_the_database),
    TEST(f20_expired_signature_is_asked_for_anew),
    TEST(f20_loop_and_downgrade_are_refused),
    TEST(f22_malformed_answers_are_unavailable),
    TEST(f23_errors_with_a_good_status_are_errors),
    TEST(f24_huge_error_body_is_cut),
    TEST(f25_odd_headers_do_no_harm),
    TEST(f26_bad_certificates_are_refused),
    TEST(f28_clocks_that_differ_do_no_harm),
    TEST(f29_fresh_file_is_found_on_the_other_node),
    TEST(f31_blacked_out_repository_leaves_the_others_alone),
    TEST(f32_expired_licence_is_said),
    TEST(many_threads_share_few_connections_through_a_reload),
};

/* They wait much more than they work, so several processes with a double each share them out. */
#define PROCESSES 6
#define COUNT (sizeof(tests) / sizeof(*tests))

static int run_share(atomic_size_t *next)
{
    int failed = 0;

    if (!art_rig_start(&rig)) {
        puts("SKIP: python3 is not installed");
        return 77;
    }
    for (size_t i = atomic_fetch_add(next, 1); i < COUNT; i = atomic_fetch_add(next, 1)) {
        const struct CMUnitTest one[] = {tests[i]};

        failed += cmocka_run_group_tests_name(tests[i].name, one, NULL, NULL);
    }
    art_rig_stop(&rig);
    return failed ? 1 : 0;
}

int main(void)
{
    atomic_size_t *next = mmap(NULL, sizeof(*next), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int result = 0, status;

    CG_ASSERT(next != MAP_FAILED);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (char)('a' + (i * 7 + i / 251) % 26);
    setvbuf(stdout, NULL, _IOLBF, 0); /* whole lines, whoever writes them */
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();

        CG_ASSERT(child >= 0);
        if (child == 0)
            exit(run_share(next));
    }
    while (wait(&status) > 0)
        if (status)
            result = WIFEXITED(status) && result != 1 ? WEXITSTATUS(status) : 1;
    return result;
}

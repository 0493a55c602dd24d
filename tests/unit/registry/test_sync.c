/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A store with other writers against the index. */
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
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"
#include "registry/sync.h"

#define LONG_AGO 1700000000

static struct cg_buf said; /* "EVENT NAME VERSION[!]: DETAIL" a line; "!" it was done */
static struct cg_sync_report report;
static struct cg_conf *conf;

static const char *const events[CG_SYNC_EVENTS] = {"adopted",  "refused", "changed",  "vanished",
                                                   "released", "yanked",  "unyanked", "noted"};

static void tell(void *cls, const char *ns, const struct cg_sync_news *news)
{
    (void)cls;
    assert_string_equal(ns, "payments");
    cg_buf_addf(&said, "%s %s %s%s: %s\n", events[news->event], news->name, news->version, news->done ? "!" : "",
                news->detail);
}

static const char fronts[] = "[artifactory.corp]\nurl = \"https://art.corp.example/artifactory\"\ntoken_file = \"%s/secret\"\n"
                             "[namespace.vault]\ntype = \"local\"\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
                             "repository = \"cargo-vault-local\"\nread = [\"user:root\"]\nprefixes = [\"vault-\"]\n";

static int setup(void **state)
{
    struct fx *f;
    char *extra;
    int rc = fx_setup(state);

    f = *state;
    extra = cg_asprintf(fronts, f->dir);
    conf = fx_conf(f, extra);
    free(extra);
    cg_fake_storage_share(f->st);
    cg_buf_init(&said, 1 << 20);
    report = (struct cg_sync_report){.tell = tell};
    return rc;
}

static int teardown(void **state)
{
    cg_buf_free(&said);
    cg_conf_unref(&conf);
    return fx_teardown(state);
}

static enum cg_err look(struct fx *f)
{
    cg_buf_reset(&said);
    f->err = (struct cg_error){0};
    return cg_registry_sync(f->reg, conf, "payments", &report, &f->err);
}

static void assert_said(const char *text)
{
    if (!strstr(cg_buf_str(&said), text))
        fail_msg("said \"%s\" and not \"%s\"", cg_buf_str(&said), text);
}

/* Another writer's file. */
static void put(struct fx *f, const char *name, const char *version, const char *toml)
{
    fx_crate(&f->crate, name, version, toml, NULL, NULL);
    cg_fake_storage_put(f->st,
                        &(struct cg_crate_seen){.name = name, .version = version, .modified = LONG_AGO, .yanked = -1},
                        cg_buf_str(&f->crate), f->crate.len);
}

static void put_by(struct fx *f, const char *publisher, int64_t modified)
{
    fx_crate(&f->crate, "left", "1.0.0", NULL, NULL, NULL);
    cg_fake_storage_put(f->st,
                        &(struct cg_crate_seen){.name = "left",
                                                .version = "1.0.0",
                                                .publisher = publisher,
                                                .modified = modified,
                                                .yanked = 0},
                        cg_buf_str(&f->crate), f->crate.len);
}

/* Published through us, long ago. */
static void publish(struct fx *f, const char *name, const char *version)
{
    char *text, *at;

    fx_ok(f, fx_publish(f, name, version, NULL, NULL));
    text = fx_stored_index(f, name);
    for (at = text; (at = strstr(at, "\"pubtime\":\"20")) != NULL; at += 14)
        at[13] = '1'; /* ten years or more before */
    fx_ok(f, f->st->ops->index_write(f->st, name, text, strlen(text), &f->err));
    free(text);
}

static enum cg_err download(struct fx *f, const char *name, const char *version)
{
    struct cg_crate_file file = {.fd = -1};
    char etag[CG_ETAG_SIZE + 32];
    enum cg_err rc;

    f->err = (struct cg_error){0};
    rc = cg_registry_download(f->reg, "payments", name, version, true, &file, etag, &f->err);
    cg_crate_file_close(&file);
    return rc;
}

static bool served(struct fx *f, const char *path, const char *text)
{
    char *index = fx_served_index(f, path);
    bool there = index && strstr(index, text);

    free(index);
    return there;
}

static void a_strangers_crate_is_taken_in(void **state)
{
    struct fx *f = *state;
    unsigned char digest[CG_SHA256_SIZE];
    char hex[CG_SHA256_HEX_SIZE], *wanted;

    put(f, "pay-core", "1.0.0", "[dependencies]\nserde = \"1\"\n");
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "adopted pay-core 1.0.0!: another writer put it into the repository\n");
    cg_sha256(cg_buf_str(&f->crate), f->crate.len, digest);
    cg_hex(digest, sizeof(digest), hex);
    wanted = cg_asprintf("\"cksum\":\"%s\"", hex);
    assert_true(served(f, "pa/y-/pay-core", wanted));
    free(wanted);
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":false"));
    assert_true(served(f, "pa/y-/pay-core", "\"pubtime\":\"2023-11-14T22:13:20Z\""));
    assert_true(served(f, "pa/y-/pay-core", "https://github.com/rust-lang/crates.io-index"));
    fx_ok(f, download(f, "pay-core", "1.0.0"));
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay-core", &f->out, &f->err));
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    assert_int_equal(report.files, 1);
    assert_int_equal(report.versions, 1);
}

static void a_yank_noted_with_a_strangers_crate_comes_with_it(void **state)
{
    struct fx *f = *state;

    put(f, "pay-core", "1.0.0", NULL);
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 1);
    fx_ok(f, look(f));
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 0);
    fx_ok(f, look(f));
    assert_said("unyanked pay-core 1.0.0!");
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":false"));
}

static void dependencies_on_artifactory_become_ours(void **state)
{
    struct fx *f = *state;

    put(f, "pay-core", "1.0.0",
        "[dependencies]\n"
        "a = { version = \"1\", registry-index = \"sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/\" }\n"
        "b = { version = \"1\", registry-index = \"http://ART.corp.example:80/git/cargo-vault-local.git\" }\n"
        "c = { version = \"1\", registry-index = \"sparse+https://crates.corp.example/artifactory/api/cargo/cargo-vault-local/index\" }\n"
        "d = { version = \"1\", registry-index = \"sparse+https://crates.corp.example/api/cargo/payments/index/\" }\n");
    fx_ok(f, look(f));
    assert_said("adopted pay-core 1.0.0!");
    char *index = fx_stored_index(f, "pay-core"), *at = index;

    for (int i = 0; i < 3; i++) {
        at = strstr(at, "\"registry\":\"sparse+https://crates.corp.example/api/cargo/vault/index/\"");
        assert_non_null(at);
        at++;
    }
    assert_non_null(strstr(at, "\"registry\":null"));
    assert_null(strstr(index, "art.corp.example"));
    free(index);
}

/* Through us, too; but nobody learns so which namespace fronts a repository. */
static void a_publish_that_names_a_repository_tells_nothing_of_its_namespace(void **state)
{
    static const char toml[] = "[dependencies]\na = { version = \"1\", registry-index = "
                               "\"sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/\" }\n";
    struct fx *f = *state;
    struct cg_policy *before = f->policy, *unresolved = NULL;
    char *index;

    fx_ok(f, cg_policy_new(conf, f->people, &unresolved, &f->err));
    fx_ok(f, cg_policy_resolve(unresolved, f->people, &f->policy, NULL, &f->err));
    cg_policy_unref(&unresolved);
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0", toml, NULL), CG_ERR_DENIED, "cargo-vault-local");
    assert_null(strstr(f->err.detail, "\"vault\""));
    f->caller.who = f->root;
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", toml, NULL));
    index = fx_stored_index(f, "pay-core");
    assert_non_null(strstr(index, "\"registry\":\"sparse+https://crates.corp.example/api/cargo/vault/index/\""));
    free(index);
    cg_policy_unref(&f->policy);
    f->policy = before;
}

static void what_a_publish_would_refuse_is_reported_and_not_indexed(void **state)
{
    static const struct {
        const char *name, *version, *toml, *why;
    } cases[] = {
        {"std", "1.0.0", NULL, "crate-name-reserved"},
        {"vault-key", "1.0.0", NULL, "reserved to namespace"},
        {"9lives", "1.0.0", NULL, "crate-name"},
        {"short", "1.0", NULL, "crate-version"},
        {"far", "1.0.0",
         "[dependencies]\nx = { version = \"1\", registry-index = \"sparse+https://other.example/index/\" }\n",
         "dependency-registry"},
        {"foreign", "1.0.0",
         "[dependencies]\nx = { version = \"1\", registry-index = "
         "\"sparse+https://art.corp.example/artifactory/api/cargo/cargo-else/index/\" }\n",
         "dependency-registry"},
    };
    struct fx *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put(f, cases[i].name, cases[i].version, cases[i].toml);
        fx_ok(f, look(f));
        assert_said(cases[i].why);
        assert_int_equal(report.told[CG_SYNC_REFUSED], 1);
        assert_null(strstr(cg_buf_str(&said), "adopted"));
        cg_fake_storage_take(f->st, cases[i].name, cases[i].version);
    }
}

static void a_file_that_is_not_what_its_path_says_is_refused(void **state)
{
    struct fx *f = *state;
    struct cg_crate_seen seen = {.name = "pay-core", .version = "1.0.0", .modified = LONG_AGO, .yanked = -1};

    fx_crate(&f->crate, "pay-other", "1.0.0", NULL, NULL, NULL);
    cg_fake_storage_put(f->st, &seen, cg_buf_str(&f->crate), f->crate.len);
    fx_ok(f, look(f));
    assert_said("refused pay-core 1.0.0!");
    cg_fake_storage_put(f->st, &seen, "no archive", 10);
    fx_ok(f, look(f));
    assert_said("refused pay-core 1.0.0!");
    fx_crate_raw(&f->crate, "pay-core-1.0.0", "[package]\nname = \"pay-else\"\nversion = \"1.0.0\"\n", NULL, NULL);
    cg_fake_storage_put(f->st, &seen, cg_buf_str(&f->crate), f->crate.len);
    fx_ok(f, look(f));
    assert_said("manifest-identity");
    assert_null(fx_stored_index(f, "pay-core"));
}

static void twins_in_name_or_version_are_refused_the_older_one_wins(void **state)
{
    struct fx *f = *state;

    publish(f, "pay_core", "1.0.0");
    put(f, "pay-core", "2.0.0", NULL);
    put(f, "PAY_core", "3.0.0", NULL);
    put(f, "pay_core", "1.0.0+build", NULL);
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_REFUSED], 3);
    assert_said("refused pay-core 2.0.0!: crate was previously named `pay_core`");
    assert_said("build metadata");
    put(f, "young-one", "1.0.0", NULL);
    put(f, "young_one", "1.0.0", NULL);
    fx_crate(&f->crate, "young-one", "1.0.0", NULL, NULL, NULL);
    cg_fake_storage_put(
        f->st, &(struct cg_crate_seen){.name = "young-one", .version = "1.0.0", .modified = LONG_AGO + 1, .yanked = -1},
        cg_buf_str(&f->crate), f->crate.len);
    fx_ok(f, look(f));
    assert_said("adopted young_one 1.0.0!");
    assert_said("refused young-one 1.0.0!");
}

static void refused_files_are_fetched_once_and_looked_at_again_after_a_reload(void **state)
{
    struct fx *f = *state;
    unsigned before;

    put(f, "far", "1.0.0",
        "[dependencies]\nx = { version = \"1\", registry-index = \"sparse+https://other.example/index/\" }\n");
    fx_ok(f, look(f));
    assert_said("refused far 1.0.0!");
    cg_fake_storage_set_broken(f->st, "crate_open");
    before = cg_fake_storage_count(f->st);
    fx_ok(f, look(f));
    assert_said("refused far 1.0.0: ");
    assert_true(cg_fake_storage_count(f->st) > before);
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, cg_registry_reconfigure(f->reg, f->conf, &f->err));
    fx_ok(f, look(f));
    assert_said("refused far 1.0.0!");
    put(f, "far", "1.0.0", NULL); /* another file is another question */
    fx_ok(f, look(f));
    assert_said("adopted far 1.0.0!");
}

static void a_publish_under_way_is_left_alone_and_one_that_died_is_taken_in(void **state)
{
    struct fx *f = *state;

    put_by(f, "paula", cg_clock_wall_s() - 60);
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    assert_int_equal(report.waiting, 1);
    put_by(f, "paula", cg_clock_wall_s() - 3600);
    fx_ok(f, look(f));
    assert_said("adopted left 1.0.0!");
}

static void what_an_outsiders_publish_left_needs_an_administrator(void **state)
{
    struct fx *f = *state;
    struct cg_owner owner = {.kind = CG_OWNER_USER, .login = (char[]){"alice"}, .subject = (char[]){"id-alice"}};

    fx_ok(f, f->md->ops->owner_add(f->md, "payments", "left", &owner, &f->err));
    put_by(f, "paula", LONG_AGO);
    fx_ok(f, look(f));
    assert_said("refused left 1.0.0!");
    assert_said("paula");
    put_by(f, "alice", LONG_AGO + 1);
    fx_ok(f, look(f));
    assert_said("adopted left 1.0.0!");
    fx_ok(f, cg_registry_delete(f->reg, "payments", "left", NULL, &f->err));
    put_by(f, "paula", LONG_AGO);
    report.by_hand = true;
    fx_ok(f, look(f));
    assert_said("adopted left 1.0.0!");
}

static void finish_publish(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, "crate_open", NULL, NULL);
    fx_ok(f, fx_publish(f, "left", "1.0.0", NULL, NULL));
}

static void a_publish_that_ends_while_its_file_is_read_stays_a_publish(void **state)
{
    struct fx *f = *state;

    put_by(f, "paula", LONG_AGO);
    cg_fake_storage_set_hook(f->st, "crate_open", finish_publish, f);
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 0);
    assert_int_equal(report.told[CG_SYNC_REFUSED], 0);
    char *index = fx_stored_index(f, "left");

    assert_null(strchr(strchr(index, '\n') + 1, '\n')); /* one line */
    free(index);
}

static void publish_beside(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, "crate_scan", NULL, NULL);
    fx_ok(f, fx_publish(f, "beside", "1.0.0", NULL, NULL));
    cg_fake_storage_take(f->st, "beside", "1.0.0"); /* not in the listing yet */
}

static void a_version_published_during_the_listing_is_not_missed_in_it(void **state)
{
    struct fx *f = *state;

    cg_fake_storage_set_hook(f->st, "crate_scan", publish_beside, f);
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    fx_ok(f, look(f)); /* the line is there now, and too young to be missed */
    assert_string_equal(cg_buf_str(&said), "");
}

static void a_file_that_vanished_is_404_and_its_line_is_served_yanked(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-core", "1.1.0");
    size_t len = f->crate.len;
    char *bytes = memcpy(cg_malloc(len), cg_buf_str(&f->crate), len);

    cg_fake_storage_take(f->st, "pay-core", "1.1.0");
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said),
                        "vanished pay-core 1.1.0!: its file is gone from the repository; put the same file back\n");
    fx_refused(f, download(f, "pay-core", "1.1.0"), CG_ERR_ABSENT, "gone from the repository");
    fx_ok(f, download(f, "pay-core", "1.0.0"));
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    char *stored = fx_stored_index(f, "pay-core");

    assert_null(strstr(stored, "\"yanked\":true")); /* only what is served says so */
    free(stored);
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), ""); /* told once */
    cg_fake_storage_put(
        f->st, &(struct cg_crate_seen){.name = "pay-core", .version = "1.1.0", .modified = LONG_AGO, .yanked = -1}, bytes,
        len);
    fx_ok(f, look(f));
    assert_said("released pay-core 1.1.0!");
    fx_ok(f, download(f, "pay-core", "1.1.0"));
    assert_false(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    free(bytes);
}

static void a_file_that_only_the_listing_lacks_is_not_gone(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-core", "1.1.0");
    cg_fake_storage_hide(f->st, "pay-core", "1.1.0");
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    fx_ok(f, download(f, "pay-core", "1.1.0"));
    cg_fake_storage_set_broken(f->st, "crate_there");
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "");
    assert_string_equal(cg_buf_str(&said), "");
    cg_fake_storage_set_broken(f->st, NULL);
    cg_fake_storage_take(f->st, "pay-core", "1.1.0");
    fx_ok(f, look(f));
    assert_said("vanished pay-core 1.1.0!");
    cg_fake_storage_set_broken(f->st, "crate_there");
    fx_ok(f, look(f)); /* asked for once */
}

static void other_bytes_are_503_and_never_given_out(void **state)
{
    struct fx *f = *state;
    unsigned calls;

    publish(f, "pay-else", "1.0.0");
    publish(f, "pay-core", "1.0.0");
    cg_fake_storage_damage(f->st, "pay-core", "1.0.0");
    fx_ok(f, look(f));
    assert_said("changed pay-core 1.0.0!: its file in the repository has the checksum");
    calls = atomic_load(&cg_fake_metadata_counts(f->md)->calls);
    fx_refused(f, download(f, "pay-core", "1.0.0"), CG_ERR_UNAVAILABLE, "replaced by another one");
    assert_int_equal(atomic_load(&cg_fake_metadata_counts(f->md)->calls), calls);
    cg_buf_reset(&f->out);
    fx_refused(f, cg_registry_readme(f->reg, "payments", "pay-core", "1.0.0", &f->out, &f->err), CG_ERR_UNAVAILABLE,
               "quarantine");
    cg_fake_storage_take(f->st, "pay-core", "1.0.0");
    fx_ok(f, look(f));
    assert_said("vanished pay-core 1.0.0!");
    fx_refused(f, download(f, "pay-core", "1.0.0"), CG_ERR_ABSENT, "gone");
    cg_fake_storage_put(
        f->st, &(struct cg_crate_seen){.name = "pay-core", .version = "1.0.0", .modified = LONG_AGO, .yanked = -1},
        cg_buf_str(&f->crate), f->crate.len);
    fx_ok(f, look(f));
    assert_said("released pay-core 1.0.0!");
    fx_ok(f, download(f, "pay-core", "1.0.0"));
}

static void without_checksums_nothing_is_said_to_have_changed(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    cg_fake_storage_damage(f->st, "pay-core", "1.0.0");
    cg_fake_storage_hide_cksums(f->st, true);
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    cg_fake_storage_hide_cksums(f->st, false);
    fx_ok(f, look(f));
    assert_said("changed");
    cg_fake_storage_hide_cksums(f->st, true);
    fx_ok(f, look(f)); /* nor to be right again */
    assert_string_equal(cg_buf_str(&said), "");
    fx_refused(f, download(f, "pay-core", "1.0.0"), CG_ERR_UNAVAILABLE, "quarantine");
}

static void quarantine_outlives_its_process_and_reaches_others(void **state)
{
    struct fx *f = *state;
    struct cg_quarantine_row row = {"pay-core", "1.0.0", "changed", "", LONG_AGO};

    publish(f, "pay-core", "1.0.0");
    fx_ok(f, download(f, "pay-core", "1.0.0"));
    fx_ok(f, f->md->ops->quarantine_put(f->md, "payments", &row, &f->err)); /* another process */
    cg_registry_tick(f->reg);
    fx_refused(f, download(f, "pay-core", "1.0.0"), CG_ERR_UNAVAILABLE, "2023-11-14");
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    fx_ok(f, f->md->ops->quarantine_remove(f->md, "payments", "pay-core", "1.0.0", &f->err));
    cg_registry_tick(f->reg);
    fx_ok(f, download(f, "pay-core", "1.0.0"));
    assert_false(served(f, "pa/y-/pay-core", "\"yanked\":true"));
}

static void quarantine_of_what_was_deleted_goes(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-else", "1.0.0");
    cg_fake_storage_take(f->st, "pay-core", "1.0.0");
    fx_ok(f, look(f));
    assert_said("vanished pay-core");
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err));
    fx_ok(f, look(f));
    publish(f, "pay-core", "1.0.0");
    fx_ok(f, download(f, "pay-core", "1.0.0"));
}

static void an_incomplete_listing_changes_nothing(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-else", "1.0.0");
    put(f, "aa-new", "1.0.0", NULL);
    cg_fake_storage_cut_scan(f->st, 2);
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "does not work");
    assert_string_equal(cg_buf_str(&said), "");
    fx_ok(f, download(f, "pay-else", "1.0.0"));
    assert_null(fx_stored_index(f, "aa-new"));
    cg_fake_storage_cut_scan(f->st, 0);
    fx_ok(f, look(f));
    assert_said("adopted aa-new");
}

static void a_listing_that_lost_too_much_is_not_believed(void **state)
{
    struct fx *f = *state;
    char version[32];

    publish(f, "pay-core", "1.0.0");
    cg_fake_storage_take(f->st, "pay-core", "1.0.0");
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "not believed"); /* an empty one never is */
    for (int i = 1; i <= 7; i++) {
        snprintf(version, sizeof(version), "1.0.%d", i);
        publish(f, "pay-core", version);
    }
    for (int i = 1; i <= 5; i++) {
        snprintf(version, sizeof(version), "1.0.%d", i);
        cg_fake_storage_take(f->st, "pay-core", version);
    }
    put(f, "aa-new", "1.0.0", NULL);
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "6 of 8 versions");
    assert_string_equal(cg_buf_str(&said), "");
    report.by_hand = true; /* an administrator knows better */
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_VANISHED], 6);
    report.by_hand = false;
    cg_fake_storage_take(f->st, "pay-core", "1.0.6"); /* those before are not counted again */
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_VANISHED], 1);
}

static void yanks_go_both_ways(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    fx_ok(f, look(f));
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    fx_ok(f, cg_registry_sync_marks(f->reg, "payments", &f->err));
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), 1);
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 0); /* taken back there */
    fx_ok(f, look(f));
    assert_said("unyanked pay-core 1.0.0!");
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":false"));
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 1);
    fx_ok(f, look(f));
    assert_said("yanked pay-core 1.0.0!");
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", false));
    fx_ok(f, look(f)); /* before the store was told: ours is the newer one */
    assert_said("noted pay-core 1.0.0!");
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), 0);
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":false"));
    fx_ok(f, cg_registry_sync_marks(f->reg, "payments", &f->err));
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
}

static void a_store_that_cannot_be_told_of_a_yank_is_told_later(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    cg_fake_storage_set_broken(f->st, "crate_mark");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true)); /* nobody waits for it */
    fx_refused(f, cg_registry_sync_marks(f->reg, "payments", &f->err), CG_ERR_UNAVAILABLE, "");
    fx_ok(f, look(f)); /* nor does a look come to nothing by it */
    assert_string_equal(cg_buf_str(&said), "");
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, cg_registry_sync_marks(f->reg, "payments", &f->err));
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), 1);
}

static void a_lost_note_is_made_again(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    fx_ok(f, cg_registry_sync_marks(f->reg, "payments", &f->err));
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", -1);
    fx_ok(f, look(f));
    assert_said("noted pay-core 1.0.0!");
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), 1);
}

static void looking_only_changes_nothing(void **state)
{
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-gone", "1.0.0");
    publish(f, "pay-same", "1.0.0");
    put(f, "aa-new", "1.0.0", NULL);
    put(f, "std", "1.0.0", NULL);
    cg_fake_storage_damage(f->st, "pay-core", "1.0.0");
    cg_fake_storage_take(f->st, "pay-gone", "1.0.0");
    cg_fake_storage_set_yanked(f->st, "pay-same", "1.0.0", 1);
    report.look_only = true;
    for (int i = 0; i < 2; i++) {
        fx_ok(f, look(f));
        assert_null(strchr(cg_buf_str(&said), '!'));
        assert_said("adopted aa-new");
        assert_said("refused std");
        assert_said("changed pay-core");
        assert_said("vanished pay-gone");
        assert_said("yanked pay-same");
    }
    assert_null(fx_stored_index(f, "aa-new"));
    fx_ok(f, download(f, "pay-core", "1.0.0"));
    assert_false(served(f, "pa/y-/pay-same", "\"yanked\":true"));
}

static void one_file_that_cannot_be_had_keeps_nobody_out(void **state)
{
    struct fx *f = *state;

    put(f, "aa-new", "1.0.0", NULL);
    put(f, "bb-new", "1.0.0", NULL);
    fx_ok(f, f->st->ops->index_each(f->st, NULL, NULL, &f->err)); /* nothing is there */
    cg_fake_storage_set_broken(f->st, "crate_open");
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "does not work");
    cg_fake_storage_set_broken(f->st, NULL);
    cg_fake_storage_fail_at(f->st, 3); /* index_each, crate_scan, crate_open */
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "does not work");
    assert_said("adopted bb-new");
    fx_ok(f, look(f));
    assert_said("adopted aa-new");
}

static void a_fault_at_any_step_leaves_whole_lines_and_is_made_good(void **state)
{
    struct fx *f = *state;
    enum cg_err rc = CG_ERR_UNAVAILABLE;
    unsigned at = 0;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-gone", "1.0.0");
    cg_fake_storage_take(f->st, "pay-gone", "1.0.0");
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 1);
    put(f, "aa-new", "1.0.0", NULL);
    while (rc != CG_OK) {
        assert_true(++at < 50);
        cg_fake_storage_fail_at(f->st, at);
        rc = look(f);
        assert_true(rc == CG_OK || rc == CG_ERR_UNAVAILABLE);
    }
    assert_true(at > 3);
    cg_fake_storage_fail_at(f->st, 0);
    fx_ok(f, look(f));
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    assert_true(served(f, "aa/-n/aa-new", "\"vers\":\"1.0.0\""));
    assert_true(served(f, "pa/y-/pay-core", "\"yanked\":true"));
    fx_refused(f, download(f, "pay-gone", "1.0.0"), CG_ERR_ABSENT, "gone");
}

static void a_database_that_is_down_ends_the_look(void **state)
{
    static const char *const operations[] = {"yank_note_each", "yank_note_put", "quarantine_put"};
    struct fx *f = *state;

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-gone", "1.0.0");
    cg_fake_storage_take(f->st, "pay-gone", "1.0.0");
    cg_fake_storage_set_yanked(f->st, "pay-core", "1.0.0", 1);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        cg_fake_metadata_set_broken(f->md, operations[i]);
        fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "database");
    }
    cg_fake_metadata_set_broken(f->md, NULL);
    fx_ok(f, look(f));
    fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
}

static bool now(void *cls)
{
    (void)cls;
    return true;
}

static void a_look_can_be_ended_early(void **state)
{
    struct fx *f = *state;

    put(f, "aa-new", "1.0.0", NULL);
    report.stopped = now;
    fx_refused(f, look(f), CG_ERR_UNAVAILABLE, "ended early");
    assert_string_equal(cg_buf_str(&said), "");
}

static void by_hand_other_processes_are_told(void **state)
{
    struct fx *f = *state;
    int64_t before = 0, after = 0;

    put(f, "aa-new", "1.0.0", NULL);
    fx_ok(f, f->md->ops->generation(f->md, "index", &before, &f->err));
    report.by_hand = true;
    fx_ok(f, look(f));
    fx_ok(f, f->md->ops->generation(f->md, "index", &after, &f->err));
    assert_true(after > before);
}

static void a_look_is_wanted_once(void **state)
{
    struct fx *f = *state;

    assert_true(cg_registry_syncs(f->reg, "payments"));
    assert_false(cg_registry_syncs(f->reg, "platform"));
    assert_false(cg_registry_syncs(f->reg, "nowhere"));
    assert_false(cg_registry_sync_wanted(f->reg, "payments"));
    cg_registry_sync_want(f->reg, "payments");
    cg_registry_sync_want(f->reg, "payments");
    cg_registry_sync_want(f->reg, "nowhere");
    assert_true(cg_registry_sync_wanted(f->reg, "payments"));
    assert_false(cg_registry_sync_wanted(f->reg, "payments"));
    fx_ok(f, cg_registry_sync(f->reg, conf, "platform", &report, &f->err));
    assert_int_equal(cg_registry_sync(f->reg, conf, "nowhere", &report, &f->err), CG_ERR_ABSENT);
}

/* Threads */

static atomic_bool done;

static void ignore(void *cls, const char *ns, const struct cg_sync_news *news)
{
    (void)cls, (void)ns, (void)news;
}

static void *look_on(void *cls)
{
    struct fx *f = cls;

    while (!atomic_load(&done)) {
        struct cg_sync_report own = {.tell = ignore};
        struct cg_error err = {0};

        enum cg_err rc = cg_registry_sync(f->reg, conf, "payments", &own, &err);

        if (rc == CG_OK)
            rc = cg_registry_sync_marks(f->reg, "payments", &err);
        /* A file that changes while it is read is one for the next look. */
        if (rc != CG_OK && !strstr(err.detail, "came with other bytes"))
            return cg_strdup(err.detail);
    }
    return NULL;
}

static void work(struct fx *f, int i)
{
    char version[32];

    snprintf(version, sizeof(version), "1.0.%d", i);
    publish(f, "pay-ours", version);
    put(f, "pay-theirs", version, NULL);
    fx_ok(f, fx_yank(f, "pay-ours", version, i % 2));
    if (i % 8 == 0)
        cg_fake_storage_damage(f->st, "pay-ours", version);
    cg_registry_tick(f->reg);
    (void)!download(f, "pay-ours", version);
    served(f, "pa/y-/pay-ours", version);
}

static void looks_beside_work_end_in_agreement(void **state)
{
    struct fx *f = *state;
    void *failure = NULL;
    pthread_t thread;

    atomic_store(&done, false);
    assert_int_equal(pthread_create(&thread, NULL, look_on, f), 0);
    for (int i = 0; i < 40; i++)
        work(f, i);
    atomic_store(&done, true);
    pthread_join(thread, &failure);
    if (failure)
        fail_msg("%s", (char *)failure);
    fx_ok(f, cg_registry_sync_marks(f->reg, "payments", &f->err));
    for (int i = 0; i < 3; i++)
        fx_ok(f, look(f));
    assert_string_equal(cg_buf_str(&said), "");
    assert_int_equal(report.versions, 80);
    for (int i = 0; i < 40; i++) {
        char version[32];

        snprintf(version, sizeof(version), "1.0.%d", i);
        if (i % 8 == 0)
            fx_refused(f, download(f, "pay-ours", version), CG_ERR_UNAVAILABLE, "quarantine");
        else
            fx_ok(f, download(f, "pay-ours", version));
        fx_ok(f, download(f, "pay-theirs", version));
        assert_int_equal(cg_fake_storage_yanked(f->st, "pay-ours", version) == 1, i % 2);
    }
}

/* Verify */

static void take_problem(void *cls, const char *ns, const char *what, bool repaired)
{
    (void)cls;
    assert_string_equal(ns, "payments");
    cg_buf_addf(&said, "%s%s\n", what, repaired ? " (repaired)" : "");
}

static void verify_tells_and_repairs_what_other_writers_did(void **state)
{
    struct fx *f = *state;
    struct cg_verify verify = {.problem = take_problem, .conf = conf};

    publish(f, "pay-core", "1.0.0");
    publish(f, "pay-gone", "1.0.0");
    publish(f, "pay-good", "1.0.0");
    verify.repair = true;
    fx_ok(f, cg_registry_verify(f->reg, "payments", &verify, &f->err)); /* the rows, for lines that grew older */
    verify.repair = false;
    cg_fake_storage_damage(f->st, "pay-core", "1.0.0");
    cg_fake_storage_take(f->st, "pay-gone", "1.0.0");
    put(f, "aa-new", "1.0.0", NULL);
    cg_buf_reset(&said);
    fx_ok(f, cg_registry_verify(f->reg, "payments", &verify, &f->err));
    assert_said("crate aa-new 1.0.0 is in the repository and not in the index");
    assert_said("crate pay-core 1.0.0 is not given out: its file in the repository has the checksum");
    assert_said("crate pay-gone 1.0.0 is not given out: its file is gone");
    assert_int_equal(verify.problems, 3);
    assert_int_equal(verify.repaired, 0);
    verify.repair = true;
    fx_ok(f, cg_registry_verify(f->reg, "payments", &verify, &f->err));
    assert_int_equal(verify.problems, 3);
    assert_int_equal(verify.repaired, 1);
    cg_buf_reset(&said);
    verify.repair = false;
    fx_ok(f, cg_registry_verify(f->reg, "payments", &verify, &f->err));
    assert_int_equal(verify.problems, 2); /* as long as they last */
    fx_refused(f, download(f, "pay-core", "1.0.0"), CG_ERR_UNAVAILABLE, "quarantine");
}

static void verify_removes_nothing_from_a_store_with_other_writers(void **state)
{
    struct fx *f = *state;
    struct cg_verify verify = {.problem = take_problem, .conf = conf, .repair = true};
    struct cg_crate_file file;

    put(f, "std", "1.0.0", NULL);
    fx_ok(f, cg_registry_verify(f->reg, "payments", &verify, &f->err));
    assert_said("crate std 1.0.0 is in the repository and cannot be taken in");
    fx_ok(f, f->st->ops->crate_open(f->st, "std", "1.0.0", &file, &f->err));
    close(file.fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_strangers_crate_is_taken_in),
        T(a_yank_noted_with_a_strangers_crate_comes_with_it),
        T(dependencies_on_artifactory_become_ours),
        T(a_publish_that_names_a_repository_tells_nothing_of_its_namespace),
        T(what_a_publish_would_refuse_is_reported_and_not_indexed),
        T(a_file_that_is_not_what_its_path_says_is_refused),
        T(twins_in_name_or_version_are_refused_the_older_one_wins),
        T(refused_files_are_fetched_once_and_looked_at_again_after_a_reload),
        T(a_publish_under_way_is_left_alone_and_one_that_died_is_taken_in),
        T(what_an_outsiders_publish_left_needs_an_administrator),
        T(a_publish_that_ends_while_its_file_is_read_stays_a_publish),
        T(a_version_published_during_the_listing_is_not_missed_in_it),
        T(a_file_that_vanished_is_404_and_its_line_is_served_yanked),
        T(a_file_that_only_the_listing_lacks_is_not_gone),
        T(other_bytes_are_503_and_never_given_out),
        T(without_checksums_nothing_is_said_to_have_changed),
        T(quarantine_outlives_its_process_and_reaches_others),
        T(quarantine_of_what_was_deleted_goes),
        T(an_incomplete_listing_changes_nothing),
        T(a_listing_that_lost_too_much_is_not_believed),
        T(yanks_go_both_ways),
        T(a_store_that_cannot_be_told_of_a_yank_is_told_later),
        T(a_lost_note_is_made_again),
        T(looking_only_changes_nothing),
        T(one_file_that_cannot_be_had_keeps_nobody_out),
        T(a_fault_at_any_step_leaves_whole_lines_and_is_made_good),
        T(a_database_that_is_down_ends_the_look),
        T(a_look_can_be_ended_early),
        T(by_hand_other_processes_are_told),
        T(a_look_is_wanted_once),
        T(looks_beside_work_end_in_agreement),
        T(verify_tells_and_repairs_what_other_writers_did),
        T(verify_removes_nothing_from_a_store_with_other_writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "registry/archive.h"
#include "tar_writer.h"

#define ROOT "a-1.0.0"
#define MANIFEST "[package]\nname = \"a\"\n"
#define MIB (1024u * 1024u)

struct fixture {
    struct cg_buf tar, crate, manifest, content;
    struct cg_archive_limits limits;
    const char *wanted;
    size_t at, chunk; /* how the source hands the bytes out */
    bool fails;
    struct cg_error err;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof *f);
    cg_buf_init(&f->tar, 64 * MIB);
    cg_buf_init(&f->crate, 64 * MIB);
    cg_buf_init(&f->manifest, 4096);
    cg_buf_init(&f->content, 4096);
    f->limits = (struct cg_archive_limits){.unpacked_max = 32 * MIB, .entries_max = 1000};
    f->chunk = SIZE_MAX;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    cg_buf_free(&f->tar);
    cg_buf_free(&f->crate);
    cg_buf_free(&f->manifest);
    cg_buf_free(&f->content);
    test_free(f);
    return 0;
}

static enum cg_err read_crate(void *cls, void *bytes, size_t len, size_t *got_out, struct cg_error *err)
{
    struct fixture *f = cls;
    size_t left = f->crate.len - f->at;
    if (f->fails && left < f->crate.len)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the disk is gone");
    len = len < left ? len : left;
    len = len < f->chunk ? len : f->chunk;
    if (len)
        memcpy(bytes, f->crate.data + f->at, len);
    f->at += len;
    *got_out = len;
    return CG_OK;
}

static enum cg_err check_crate(struct fixture *f, const char *root)
{
    struct cg_archive_source source = {.read = read_crate, .cls = f};
    f->at = 0;
    return cg_archive_check(&source, root, &f->limits, &f->manifest, f->wanted, f->wanted ? &f->content : NULL,
                            &f->err);
}

/* Packs what the test wrote, then checks it. */
static enum cg_err check(struct fixture *f)
{
    tar_gzip(&f->tar, &f->crate);
    return check_crate(f, ROOT);
}

static void assert_rule(struct fixture *f, enum cg_err ret, enum cg_err wanted, const char *rule)
{
    char text[64];
    snprintf(text, sizeof text, "(rule: %s)", rule);
    if (!strstr(f->err.detail, text))
        print_error("wanted %s, got: %s\n", text, f->err.detail);
    assert_int_equal(ret, wanted);
    assert_non_null(strstr(f->err.detail, text));
    assert_int_equal(f->manifest.len, 0);
    assert_int_equal(f->content.len, 0);
}

static void assert_refused(struct fixture *f, const char *rule)
{
    assert_rule(f, check(f), CG_ERR_INVALID, rule);
}

static void add_manifest(struct fixture *f)
{
    tar_file(&f->tar, ROOT "/Cargo.toml", MANIFEST);
}

static void crate_made_by_cargo_is_accepted(void **state)
{
    struct fixture *f = *state;
    f->wanted = "README.md";
    assert_int_equal(cg_file_read(CG_SRCDIR "/tests/data/cg-demo-0.1.0+build.5.crate", &f->crate, &f->err), CG_OK);
    assert_int_equal(check_crate(f, "cg-demo-0.1.0+build.5"), CG_OK);
    assert_non_null(strstr(cg_buf_str(&f->manifest), "name = \"cg-demo\""));
    assert_string_equal(cg_buf_str(&f->content), "# demo\n");
    assert_rule(f, (cg_buf_reset(&f->content), check_crate(f, "cg-demo-0.1.0")), CG_ERR_INVALID, "path-prefix");
}

static void manifest_and_wanted_file_are_read(void **state)
{
    struct fixture *f = *state;
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/", .type = '5', .mode = "0000755"});
    tar_file(&f->tar, ROOT "/src/lib.rs", "// source\n");
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/src/", .type = '5'});
    add_manifest(f);
    tar_file(&f->tar, ROOT "/docs/READ.md", "read me");
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/old", .type = '~', .content = "x", .content_len = 1});
    tar_end(&f->tar);
    f->wanted = "docs/READ.md";
    f->chunk = 7; /* a source may be slow */
    assert_int_equal(check(f), CG_OK);
    assert_string_equal(cg_buf_str(&f->manifest), MANIFEST);
    assert_string_equal(cg_buf_str(&f->content), "read me");
}

static void missing_or_large_wanted_file_leaves_content_empty(void **state)
{
    struct fixture *f = *state;
    static char large[5000];
    add_manifest(f);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/big", .content = large, .content_len = sizeof large});
    tar_end(&f->tar);
    f->wanted = "none";
    assert_int_equal(check(f), CG_OK);
    assert_int_equal(f->content.len, 0);
    f->wanted = "big";
    assert_int_equal(check_crate(f, ROOT), CG_OK);
    assert_int_equal(f->content.len, 0);
}

static void gnu_long_names_and_pax_paths_are_read(void **state)
{
    struct fixture *f = *state;
    char name[300] = ROOT "/";
    memset(name + strlen(name), 'n', 200);
    name[150] = '/';
    add_manifest(f);
    tar_long_name(&f->tar, name);
    tar_file(&f->tar, ROOT "/cut", "one");
    tar_pax(&f->tar, 'x', "path", ROOT "/pax-\xc3\xbc");
    tar_file(&f->tar, "ignored", "two");
    tar_pax(&f->tar, 'x', "size", "5");
    tar_file(&f->tar, ROOT "/sized", "three");
    tar_pax(&f->tar, 'x', "mtime", "1153704088.5");
    tar_file(&f->tar, ROOT "/gnu-\xc3\xbc", "four");
    tar_entry(&f->tar, &(struct tar_field){.name = "posix", .prefix = ROOT "/pre/fix"});
    tar_end(&f->tar);
    f->wanted = "pax-\xc3\xbc";
    assert_int_equal(check(f), CG_OK);
    assert_string_equal(cg_buf_str(&f->content), "two");
    f->wanted = "gnu-\xc3\xbc";
    cg_buf_reset(&f->manifest);
    cg_buf_reset(&f->content);
    assert_int_equal(check_crate(f, ROOT), CG_OK);
    assert_string_equal(cg_buf_str(&f->content), "four");
}

static void padding_of_zeros_behind_the_end_is_accepted(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    for (int i = 0; i < 100; i++)
        tar_end(&f->tar);
    assert_int_equal(check(f), CG_OK);
}

static void empty_numeric_fields_are_zero(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/empty", .size = "", .mode = ""});
    tar_end(&f->tar);
    assert_int_equal(check(f), CG_OK);
}

static void paths_that_are_no_tree_are_refused(void **state)
{
    static const struct {
        const char *path, *rule;
    } cases[] = {
        {"b-1.0.0/x", "path-prefix"},
        {"a-1.0.0", "path-prefix"},
        {"a-1.0.00/x", "path-prefix"},
        {"./a-1.0.0/x", "path-prefix"},
        {"/a-1.0.0/x", "path-prefix"},
        {"../a-1.0.0/x", "path-prefix"},
        {"A-1.0.0/x", "path-prefix"},
        {ROOT "/../x", "entry-path"},
        {ROOT "/x/..", "entry-path"},
        {ROOT "/./x", "entry-path"},
        {ROOT "//x", "entry-path"},
        {ROOT "/x/", "entry-path"},
        {ROOT "/x\\y", "entry-path"},
        {ROOT "/..\\y", "entry-path"},
        {ROOT "/c:x", "entry-path"},
        {ROOT "/x\ny", "entry-path"},
        {ROOT "/x\x7fy", "entry-path"},
        {ROOT "/x\xffy", "entry-path"},
        {ROOT "/x*", "entry-path"},
        {ROOT "/x.", "entry-path"},
        {ROOT "/x /y", "entry-path"},
        {ROOT "/...", "entry-path"},
        {ROOT "/.cargo-ok", "entry-path"},
        {ROOT "/.CARGO-OK", "entry-path"},
        {"", "entry-path"},
        {ROOT "/con", "path-device"},
        {ROOT "/x/AUX.rs", "path-device"},
        {ROOT "/nul .tar.gz", "path-device"},
        {ROOT "/com0/x", "path-device"},
        {ROOT "/Lpt9.c", "path-device"},
        {ROOT "/cargo.toml", "manifest-case"},
        {ROOT "/CARGO.TOML", "manifest-case"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cg_buf_reset(&f->tar);
        cg_buf_reset(&f->crate);
        add_manifest(f);
        tar_entry(&f->tar, &(struct tar_field){.name = cases[i].path, .content = "x", .content_len = 1});
        tar_end(&f->tar);
        assert_refused(f, cases[i].rule);
    }
}

static void names_that_only_look_like_devices_are_accepted(void **state)
{
    static const char *const names[] = {"console", "com",     "com10",      "comx",           "auxiliary.rs",
                                        "x.con",   "lpt",     ".cargo-ok2", "deep/.cargo-ok", "deep/cargo.toml",
                                        ".con",    "nulls/x", "co"};
    struct fixture *f = *state;
    char path[100];
    add_manifest(f);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, ROOT "/%s", names[i]);
        tar_file(&f->tar, path, "");
    }
    tar_end(&f->tar);
    assert_int_equal(check(f), CG_OK);
}

static void long_paths_and_components_are_refused(void **state)
{
    struct fixture *f = *state;
    char name[2000] = ROOT "/";
    memset(name + strlen(name), 'n', 256);
    add_manifest(f);
    tar_long_name(&f->tar, name);
    tar_file(&f->tar, "cut", "");
    assert_refused(f, "entry-path");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    for (size_t i = strlen(ROOT); i < 1100; i += 2)
        memcpy(name + i, "/n", 3);
    tar_long_name(&f->tar, name);
    tar_file(&f->tar, "cut", "");
    tar_end(&f->tar);
    assert_refused(f, "entry-path");
}

/* Two entries that cannot both be. */
static void assert_clash(struct fixture *f, const char *first, const char *second, const char *rule)
{
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    add_manifest(f);
    tar_file(&f->tar, first, "1");
    tar_file(&f->tar, second, "2");
    tar_end(&f->tar);
    assert_refused(f, rule);
}

static void paths_that_collide_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_clash(f, ROOT "/x", ROOT "/x", "path-duplicate");
    assert_clash(f, ROOT "/y", ROOT "/Cargo.toml", "path-duplicate");
    assert_clash(f, ROOT "/x", ROOT "/X", "path-case");
    assert_clash(f, ROOT "/src/a", ROOT "/SRC/b", "path-case");
    assert_clash(f, ROOT "/x", ROOT "/x/y", "path-duplicate");
    assert_clash(f, ROOT "/x/y", ROOT "/x", "path-duplicate");
    assert_clash(f, ROOT "/x/y/z", ROOT "/x/Y", "path-case");
}

static void entries_that_are_no_files_are_refused(void **state)
{
    struct fixture *f = *state;
    for (const char *type = "123467KSDMVNXA"; *type; type++) {
        cg_buf_reset(&f->tar);
        cg_buf_reset(&f->crate);
        add_manifest(f);
        tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/x", .type = *type});
        tar_end(&f->tar);
        assert_refused(f, "entry-type");
    }
}

static void pax_global_header_is_refused(void **state)
{
    struct fixture *f = *state;
    tar_pax(&f->tar, 'g', "path", ROOT "/Cargo.toml");
    add_manifest(f);
    tar_end(&f->tar);
    assert_refused(f, "pax-global");
}

static void pax_size_that_differs_is_refused(void **state)
{
    struct fixture *f = *state;
    tar_pax(&f->tar, 'x', "size", "0");
    add_manifest(f);
    tar_end(&f->tar);
    assert_refused(f, "size-mismatch");
}

static void directory_with_content_is_refused(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/d/", .type = '5', .content = "x", .content_len = 1});
    tar_end(&f->tar);
    assert_refused(f, "size-mismatch");
}

static void doubtful_pax_records_are_refused(void **state)
{
    static const struct {
        const char *key, *value;
    } cases[] = {
        {"GNU.sparse.major", "1"},
        {"GNU.sparse.name", ROOT "/x"},
        {"linkpath", "x"},
        {"hdrcharset", "BINARY"},
        {"SCHILY.realsize", "7"},
        {"size", "-1"},
        {"size", "0x1"},
        {NULL, "30 path=" ROOT "/x\n"},
        {NULL, "7 a=b\n"},
        {NULL, "path=x\n"},
        {NULL, " 6 a=b\n"},
        {NULL, "9 mtime!\n"},
        {NULL, "0 \n"},
        {NULL, "15 path=x/y/z\n\n15 path=x/y/w\n\n"},
        {NULL, "9 size=1\n9 size=1\n"},
        {NULL, "99999999999 a=b\n"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cg_buf_reset(&f->tar);
        cg_buf_reset(&f->crate);
        tar_pax(&f->tar, 'x', cases[i].key, cases[i].value);
        add_manifest(f);
        tar_end(&f->tar);
        assert_refused(f, "tar-format");
    }
}

static void nul_inside_a_name_is_refused(void **state)
{
    struct fixture *f = *state;
    tar_entry(&f->tar,
              &(struct tar_field){.name = "././@LongLink", .type = 'L', .content = ROOT "/a\0b", .content_len = 12});
    tar_file(&f->tar, "cut", "");
    assert_refused(f, "entry-path");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    tar_entry(&f->tar, &(struct tar_field){.name = "x", .type = 'x', .content = "11 path=a\0\n", .content_len = 11});
    tar_file(&f->tar, "cut", "");
    assert_refused(f, "tar-format");
}

static void extended_headers_must_be_single_and_have_an_entry(void **state)
{
    struct fixture *f = *state;
    tar_long_name(&f->tar, ROOT "/x");
    tar_long_name(&f->tar, ROOT "/y");
    add_manifest(f);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    tar_pax(&f->tar, 'x', "mtime", "1");
    tar_pax(&f->tar, 'x', "mtime", "1");
    add_manifest(f);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    tar_long_name(&f->tar, ROOT "/x");
    tar_pax(&f->tar, 'x', "path", ROOT "/y");
    add_manifest(f);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    add_manifest(f);
    tar_long_name(&f->tar, ROOT "/x");
    tar_end(&f->tar);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    tar_entry(&f->tar, &(struct tar_field){.name = "././@LongLink", .type = 'L'});
    add_manifest(f);
    assert_refused(f, "tar-format");
}

static void malformed_headers_are_refused(void **state)
{
    static const struct tar_field cases[] = {
        {.name = ROOT "/x", .checksum_delta = 1},
        {.name = ROOT "/x",
         .magic = "ustar\0"
                  "01"},
        {.name = ROOT "/x", .magic = "\0\0\0\0\0\0\0"},
        {.name = ROOT "/x", .size = "0000000000x"},
        {.name = ROOT "/x", .size = "00000000008"},
        {.name = ROOT "/x", .size = "-1"},
        {.name = ROOT "/x", .size = "            "},
        {.name = ROOT "/x", .size = "\x80\0\0\0"},
        {.name = ROOT "/x", .mode = "rw-r--r--"},
        {.name = ROOT "/x", .sparse = "00000000000"},
        {.name = "x", .prefix = ROOT "/src/"}, /* one or two slashes? Readers differ */
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cg_buf_reset(&f->tar);
        cg_buf_reset(&f->crate);
        add_manifest(f);
        tar_entry(&f->tar, &cases[i]);
        tar_end(&f->tar);
        assert_refused(f, "tar-format");
    }
}

static void modes_that_harm_other_users_are_refused(void **state)
{
    static const char *const modes[] = {"0004755", "0002755", "0001755", "0000666", "0000777"};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cg_buf_reset(&f->tar);
        cg_buf_reset(&f->crate);
        add_manifest(f);
        tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/x", .mode = modes[i]});
        tar_end(&f->tar);
        assert_refused(f, "entry-mode");
    }
}

static void archive_must_end_with_two_zero_blocks_and_nothing_else(void **state)
{
    static const char zeros[TAR_BLOCK];
    struct fixture *f = *state;
    add_manifest(f);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->crate);
    cg_buf_add(&f->tar, zeros, sizeof zeros);
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->crate);
    tar_file(&f->tar, ROOT "/behind-one-block", "x");
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    add_manifest(f);
    tar_end(&f->tar);
    tar_file(&f->tar, ROOT "/behind-the-end", "x");
    assert_refused(f, "tar-format");
    cg_buf_reset(&f->crate);
    f->tar.len = TAR_BLOCK + 3; /* cut within the manifest's content */
    assert_refused(f, "tar-format");
}

static void archive_without_manifest_is_refused(void **state)
{
    struct fixture *f = *state;
    tar_end(&f->tar);
    assert_refused(f, "manifest-missing");
    cg_buf_reset(&f->tar);
    cg_buf_reset(&f->crate);
    tar_file(&f->tar, ROOT "/sub/Cargo.toml", MANIFEST);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/Cargo.toml/", .type = '5'});
    tar_end(&f->tar);
    assert_refused(f, "manifest-missing");
}

static void manifest_larger_than_its_buffer_is_too_large(void **state)
{
    struct fixture *f = *state;
    static char large[5000];
    memset(large, '#', sizeof large);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/Cargo.toml", .content = large, .content_len = sizeof large});
    tar_end(&f->tar);
    assert_rule(f, check(f), CG_ERR_TOO_LARGE, "manifest-size");
}

static void bytes_behind_the_gzip_member_are_refused(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_end(&f->tar);
    tar_gzip(&f->tar, &f->crate);
    size_t one = f->crate.len;
    assert_refused(f, "gzip-member"); /* check() adds a second member */
    f->crate.len = one;
    cg_buf_addch(&f->crate, '\0');
    assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-member");
    f->chunk = one; /* the member's end is also the end of a read */
    assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-member");
    f->crate.len = one;
    assert_int_equal(check_crate(f, ROOT), CG_OK);
}

static void wrong_gzip_trailer_is_refused(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_end(&f->tar);
    tar_gzip(&f->tar, &f->crate);
    f->crate.data[f->crate.len - 8] ^= 1;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-trailer");
    f->crate.data[f->crate.len - 8] ^= 1;
    f->crate.data[f->crate.len - 1] ^= 1;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-trailer");
}

static void truncated_or_foreign_gzip_is_refused(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_end(&f->tar);
    tar_gzip(&f->tar, &f->crate);
    size_t len = f->crate.len;
    for (size_t cut = 0; cut < len; cut++) {
        f->crate.len = cut;
        assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-member");
    }
    cg_buf_reset(&f->crate);
    cg_buf_add(&f->crate, f->tar.data, f->tar.len);
    assert_rule(f, check_crate(f, ROOT), CG_ERR_INVALID, "gzip-member");
}

static void bomb_is_stopped_at_the_unpacked_limit(void **state)
{
    struct fixture *f = *state;
    static char zeros[2 * MIB];
    add_manifest(f);
    tar_entry(&f->tar, &(struct tar_field){.name = ROOT "/zeros", .content = zeros, .content_len = sizeof zeros});
    tar_end(&f->tar);
    f->limits.unpacked_max = f->tar.len;
    assert_int_equal(check(f), CG_OK);
    f->limits.unpacked_max = f->tar.len - 1;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_TOO_LARGE, "unpacked-size");
    f->limits.unpacked_max = MIB;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_TOO_LARGE, "unpacked-size");
    assert_true(f->at <= f->crate.len);
}

static void too_many_entries_are_too_large(void **state)
{
    struct fixture *f = *state;
    char path[100];
    add_manifest(f);
    for (int i = 0; i < 9; i++) {
        snprintf(path, sizeof path, ROOT "/f%d", i);
        tar_file(&f->tar, path, "");
    }
    tar_end(&f->tar);
    f->limits.entries_max = 10;
    assert_int_equal(check(f), CG_OK);
    f->limits.entries_max = 9;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_TOO_LARGE, "entry-count");
}

static void folders_named_in_passing_count_as_entries(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_file(&f->tar, ROOT "/1/2/3/4/5/6/7/8/9/x", "");
    tar_end(&f->tar);
    f->limits.entries_max = 11;
    assert_int_equal(check(f), CG_OK);
    f->limits.entries_max = 10;
    assert_rule(f, check_crate(f, ROOT), CG_ERR_TOO_LARGE, "entry-count");
}

static void fault_of_the_source_is_passed_on(void **state)
{
    struct fixture *f = *state;
    add_manifest(f);
    tar_end(&f->tar);
    f->chunk = 20;
    f->fails = true;
    assert_int_equal(check(f), CG_ERR_UNAVAILABLE);
    assert_string_equal(f->err.detail, "the disk is gone");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(crate_made_by_cargo_is_accepted),
        TEST(manifest_and_wanted_file_are_read),
        TEST(missing_or_large_wanted_file_leaves_content_empty),
        TEST(gnu_long_names_and_pax_paths_are_read),
        TEST(padding_of_zeros_behind_the_end_is_accepted),
        TEST(empty_numeric_fields_are_zero),
        TEST(paths_that_are_no_tree_are_refused),
        TEST(names_that_only_look_like_devices_are_accepted),
        TEST(long_paths_and_components_are_refused),
        TEST(paths_that_collide_are_refused),
        TEST(entries_that_are_no_files_are_refused),
        TEST(pax_global_header_is_refused),
        TEST(pax_size_that_differs_is_refused),
        TEST(directory_with_content_is_refused),
        TEST(doubtful_pax_records_are_refused),
        TEST(nul_inside_a_name_is_refused),
        TEST(extended_headers_must_be_single_and_have_an_entry),
        TEST(malformed_headers_are_refused),
        TEST(modes_that_harm_other_users_are_refused),
        TEST(archive_must_end_with_two_zero_blocks_and_nothing_else),
        TEST(archive_without_manifest_is_refused),
        TEST(manifest_larger_than_its_buffer_is_too_large),
        TEST(bytes_behind_the_gzip_member_are_refused),
        TEST(wrong_gzip_trailer_is_refused),
        TEST(truncated_or_foreign_gzip_is_refused),
        TEST(bomb_is_stopped_at_the_unpacked_limit),
        TEST(too_many_entries_are_too_large),
        TEST(folders_named_in_passing_count_as_entries),
        TEST(fault_of_the_source_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

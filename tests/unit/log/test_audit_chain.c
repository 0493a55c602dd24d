/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The chain of audit records: it goes on over everything, and nothing can be done to it unseen. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "crategate/audit.h"
#include "log/audit_chain.h"
#include "log/audit_head.h"
#include "log/audit_schema.h"
#include "log/audit_verify.h"
#include "log/log.h"

#define TEXT_MAX (8u << 20)

static char dir[64], path[96], other[96];
static struct cg_audit *audit;
static struct cg_buf said; /* what the last verify found */
static struct cg_audit_verify found;
static bool stop;

static void ignore(void *cls, const char *line)
{
    (void)cls;
    (void)line;
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/cg-chain-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/audit.jsonl", dir);
    snprintf(other, sizeof other, "%s/audit.jsonl.1", dir);
    cg_buf_init(&said, TEXT_MAX);
    cg_log_capture(ignore, NULL);
    stop = false;
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    char command[128];
    cg_audit_close(&audit);
    cg_buf_free(&said);
    cg_log_capture(NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void open_trail(const char *file)
{
    struct cg_error err = {0};
    if (cg_audit_open(file, dir, true, &audit, &err) != CG_OK)
        fail_msg("%s", err.detail);
}

static void record(enum cg_audit_event event, const char *target)
{
    assert_int_equal(cg_audit_write(audit, &(struct cg_audit_record){.event = event, .target = target}, NULL), CG_OK);
}

/* Opens, writes `count` changes, closes. */
static void write_some(int count)
{
    open_trail(path);
    for (int i = 0; i < count; i++)
        record(CG_AUDIT_YANK, "some");
    cg_audit_close(&audit);
}

static char *read_text(const char *file)
{
    struct cg_buf text;
    cg_buf_init(&text, TEXT_MAX);
    assert_int_equal(cg_file_read(file, &text, NULL), CG_OK);
    return cg_buf_take(&text);
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* Where line `n` (from 1) begins. */
static char *line_of(char *text, int n)
{
    while (--n > 0)
        text = strchr(text, '\n') + 1;
    return text;
}

static void keep(void *cls, const char *text)
{
    (void)cls;
    cg_buf_addf(&said, "%s\n", text);
}

static void no_progress(void *cls, uint64_t records)
{
    (void)cls;
    (void)records;
}

static enum cg_err verify(char *const *paths, size_t count, struct cg_error *err)
{
    cg_buf_reset(&said);
    found = (struct cg_audit_verify){
        .state_dir = dir, .current = path, .finding = keep, .progress = no_progress, .stop = &stop};
    return cg_audit_verify(&found, paths, count, err);
}

/* Verifies the file in use. */
static void look(void)
{
    struct cg_error err = {0};
    if (verify((char *[]){path}, 1, &err) != CG_OK)
        fail_msg("%s", err.detail);
}

static void expect_fine(uint64_t records)
{
    look();
    if (found.findings)
        fail_msg("%s", cg_buf_str(&said));
    assert_int_equal(found.records, records);
    assert_true(found.end_seen);
}

/* One finding, with these words. */
static void expect_finding(const char *words)
{
    look();
    if (found.findings != 1 || !strstr(cg_buf_str(&said), words))
        fail_msg("not \"%s\" but: %s", words, cg_buf_str(&said));
}

static void a_seal_is_read_back_and_fits_only_its_line(void **state)
{
    (void)state;
    struct cg_hmac *key = cg_hmac_new("k", 1), *wrong = cg_hmac_new("l", 1);
    struct cg_audit_link link;
    struct cg_audit_seal seal;
    struct cg_buf line;
    cg_buf_init(&line, 4096);
    cg_audit_link_init(&link);
    cg_buf_addstr(&line, "{\"a\":1");
    cg_audit_chain_seal(key, &link, &line, 0);
    size_t second = line.len;
    cg_buf_addstr(&line, "{\"b\":\"\\\",\\\"seq\\\":9\"");
    cg_audit_chain_seal(key, &link, &line, second);
    assert_true(cg_audit_chain_parse(line.data, second - 1, &seal));
    assert_int_equal(seal.link.seq, 1);
    assert_int_equal(strspn(seal.prev, "0"), 64);
    assert_true(cg_audit_chain_genuine(key, line.data, &seal));
    assert_false(cg_audit_chain_genuine(wrong, line.data, &seal));
    char *mac = cg_strdup(seal.link.mac);
    assert_true(cg_audit_chain_parse(line.data + second, line.len - second - 1, &seal));
    assert_int_equal(seal.link.seq, 2);
    assert_string_equal(seal.prev, mac);
    line.data[second + 2] = 'c';
    assert_false(cg_audit_chain_genuine(key, line.data + second, &seal));
    free(mac);
    cg_buf_free(&line);
    cg_hmac_free(&key);
    cg_hmac_free(&wrong);
}

static void what_is_no_seal_is_not_read_as_one(void **state)
{
    (void)state;
    struct cg_audit_seal seal;
    struct cg_hmac *key = cg_hmac_new("k", 1);
    struct cg_audit_link link;
    struct cg_buf line;
    cg_buf_init(&line, 4096);
    cg_audit_link_init(&link);
    cg_audit_chain_seal(key, &link, &line, 0); /* nothing but the seal */
    size_t len = line.len - 1;
    assert_true(cg_audit_chain_parse(line.data, len, &seal));
    for (size_t shorter = 0; shorter < len; shorter++)
        assert_false(cg_audit_chain_parse(line.data, shorter, &seal));
    for (size_t from = 1; from < len; from++)
        assert_false(cg_audit_chain_parse(line.data + from, len - from, &seal));
    for (size_t i = 0; i < len; i++) { /* a byte that belongs nowhere */
        char kept = line.data[i];
        line.data[i] = '%';
        assert_false(cg_audit_chain_parse(line.data, len, &seal));
        line.data[i] = kept;
    }
    cg_buf_free(&line);
    cg_hmac_free(&key);
}

static void the_chain_goes_on_over_restarts(void **state)
{
    (void)state;
    write_some(3);
    write_some(2);
    expect_fine(5);
    assert_int_equal(found.first, 1);
    assert_int_equal(found.last, 5);
    assert_int_equal(strlen(found.first_time), 20);
}

static void every_changed_byte_is_found_and_its_line_named(void **state)
{
    (void)state;
    write_some(3);
    char *text = read_text(path), *from = line_of(text, 2), *to = line_of(text, 3) - 1;
    for (char *at = from; at < to; at += 7) {
        char kept = *at;
        *at = kept == 'x' ? 'y' : 'x';
        write_text(path, text);
        expect_finding("line 2: changed");
        *at = kept;
    }
    write_text(path, text);
    expect_fine(3);
    free(text);
}

static void a_removed_line_is_missed(void **state)
{
    (void)state;
    write_some(4);
    char *text = read_text(path);
    memmove(line_of(text, 2), line_of(text, 3), strlen(line_of(text, 3)) + 1);
    write_text(path, text);
    expect_finding("line 2: record 2 is missing before it");
    assert_int_equal(found.records, 3);
    free(text);
}

static void the_first_lines_removed_are_said_not_to_be_there(void **state)
{
    (void)state;
    write_some(4);
    char *text = read_text(path), *copy = cg_strdup(line_of(text, 3));
    write_text(path, copy);
    expect_fine(2);
    assert_int_equal(found.first, 3);
    free(copy);
    free(text);
}

static void exchanged_lines_are_found(void **state)
{
    (void)state;
    write_some(4);
    char *text = read_text(path);
    struct cg_buf out;
    cg_buf_init(&out, TEXT_MAX);
    cg_buf_add(&out, text, (size_t)(line_of(text, 2) - text));
    cg_buf_add(&out, line_of(text, 3), (size_t)(line_of(text, 4) - line_of(text, 3)));
    cg_buf_add(&out, line_of(text, 2), (size_t)(line_of(text, 3) - line_of(text, 2)));
    cg_buf_addstr(&out, line_of(text, 4));
    write_text(path, cg_buf_str(&out));
    look();
    assert_int_equal(found.findings, 2);
    assert_non_null(strstr(cg_buf_str(&said), "line 2: record 2 is missing before it"));
    assert_non_null(strstr(cg_buf_str(&said), "line 3: record 2 is in the wrong place"));
    cg_buf_free(&out);
    free(text);
}

static void put_between(const char *foreign)
{
    char *text = read_text(path);
    struct cg_buf out;
    cg_buf_init(&out, TEXT_MAX);
    cg_buf_add(&out, text, (size_t)(line_of(text, 2) - text));
    cg_buf_addstr(&out, foreign);
    cg_buf_addstr(&out, line_of(text, 2));
    write_text(path, cg_buf_str(&out));
    cg_buf_free(&out);
    free(text);
}

static void an_inserted_line_is_found_whatever_it_looks_like(void **state)
{
    (void)state;
    write_some(3);
    char *text = read_text(path), *first = cg_strndup(text, (size_t)(line_of(text, 2) - text));
    put_between("{\"event\":\"publish\"}\n");
    expect_finding("line 2: inserted");
    write_text(path, text);
    put_between("\n");
    expect_finding("line 2: inserted");
    write_text(path, text);
    put_between(first);
    expect_finding("line 2: record 1 is in the wrong place, or here a second time");
    write_text(path, text);
    strstr(first, "some")[0] = 'S';
    put_between(first);
    expect_finding("line 2: inserted");
    free(first);
    free(text);
}

static void an_end_that_was_cut_off_is_missed(void **state)
{
    (void)state;
    write_some(5);
    char *text = read_text(path);
    *line_of(text, 4) = '\0';
    write_text(path, text);
    expect_finding("records 4 to 5 are missing at the end");
    write_text(path, "");
    expect_finding("records 1 to 5 are missing at the end");
    write_text(path, text);
    write_some(1); /* and the trail does not take up where it was cut */
    expect_finding("line 4: records 4 to 5 are missing before it");
    assert_int_equal(found.last, 6);
    free(text);
}

static void refusals_are_named_by_the_head_within_a_second(void **state)
{
    (void)state;
    struct cg_audit_head head;
    struct cg_audit_link link = {0};
    open_trail(path);
    record(CG_AUDIT_YANK, "x");
    record(CG_AUDIT_REFUSAL, "x");
    assert_int_equal(cg_audit_head_open(dir, false, &head, NULL), CG_OK);
    for (int i = 0; i < 1000 && link.seq < 2; i++) {
        usleep(10000);
        assert_int_equal(cg_audit_head_read(&head, &link), 0);
    }
    assert_int_equal(link.seq, 2);
    cg_audit_head_close(&head);
}

static void another_key_fits_nothing(void **state)
{
    (void)state;
    char key[96];
    snprintf(key, sizeof key, "%s/audit.key", dir);
    write_some(3);
    assert_int_equal(unlink(key), 0);
    write_some(2); /* the numbers go on under the new one */
    expect_finding("lines 1 to 3: no genuine records: changed, inserted, or written under another key");
    assert_int_equal(found.records, 2);
    assert_int_equal(found.first, 4);
    assert_int_equal(unlink(key), 0);
    struct cg_error err = {0};
    assert_int_equal(verify((char *[]){path}, 1, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(err.detail, key));
}

static void rotation_goes_on_in_the_next_file(void **state)
{
    (void)state;
    open_trail(path);
    record(CG_AUDIT_YANK, "1");
    assert_int_equal(rename(path, other), 0);
    record(CG_AUDIT_YANK, "2"); /* still into the old one */
    assert_int_equal(cg_audit_reopen(audit, path, true, NULL), CG_OK);
    record(CG_AUDIT_YANK, "3");
    assert_int_equal(verify((char *[]){path, other}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 3);
    assert_int_equal(verify((char *[]){other, path, other}, 3, NULL), CG_OK); /* any order, one twice */
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 3);
    expect_fine(1);
    assert_int_equal(found.first, 3);
    assert_int_equal(verify((char *[]){other}, 1, NULL), CG_OK); /* without the end: nothing is missing there */
    assert_int_equal(found.findings, 0);
    assert_false(found.end_seen);
}

static void a_gzipped_file_is_read_as_it_was(void **state)
{
    (void)state;
    char zipped[112];
    snprintf(zipped, sizeof zipped, "%s.gz", other);
    write_some(400);
    char *text = read_text(path);
    gzFile f = gzopen(zipped, "wb");
    assert_int_equal(gzwrite(f, text, (unsigned)strlen(text)), (int)strlen(text));
    assert_int_equal(gzclose(f), Z_OK);
    write_text(path, "");
    write_some(2);
    assert_int_equal(verify((char *[]){path, zipped}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 402);
    struct stat st;
    struct cg_error err = {0};
    assert_int_equal(stat(zipped, &st), 0);
    assert_int_equal(truncate(zipped, st.st_size - 20), 0);
    assert_int_equal(verify((char *[]){path, zipped}, 2, &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, zipped));
    free(text);
}

static void a_file_removed_from_between_is_missed(void **state)
{
    (void)state;
    char third[112];
    snprintf(third, sizeof third, "%s.2", path);
    write_some(2);
    assert_int_equal(rename(path, third), 0);
    write_some(3);
    assert_int_equal(rename(path, other), 0);
    write_some(1);
    assert_int_equal(verify((char *[]){path, other, third}, 3, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 6);
    assert_int_equal(verify((char *[]){path, third}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 1);
    assert_non_null(strstr(cg_buf_str(&said), "records 3 to 5 are missing before it"));
}

static void an_old_trail_is_continued_and_its_lines_are_counted(void **state)
{
    (void)state;
    write_text(path, "{\"time\":\"2026-01-01T00:00:00Z\",\"event\":\"start\"}\n{\"event\":\"stop\"}\n");
    write_some(2);
    expect_fine(2);
    assert_int_equal(found.before, 2);
    char *text = read_text(path), *later = cg_strdup(line_of(text, 4));
    struct cg_buf out;
    cg_buf_init(&out, TEXT_MAX);
    cg_buf_addf(&out, "{\"event\":\"stop\"}\n%s", later); /* but only ahead of record 1 */
    write_text(path, cg_buf_str(&out));
    expect_finding("line 1: inserted");
    cg_buf_free(&out);
    free(later);
    free(text);
}

static void append_text(const char *text)
{
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void a_line_cut_short_is_accounted_for_and_no_other_can_stand_there(void **state)
{
    (void)state;
    write_some(2);
    append_text("{\"time\":\"2026-");
    expect_fine(2); /* as a crash left it */
    assert_int_equal(found.torn, 1);
    write_some(1);
    expect_fine(4); /* with the record that says so */
    assert_int_equal(found.torn, 1);
    char *text = read_text(path);
    memcpy(line_of(text, 3), "{\"time\":\"2020-", 14);
    write_text(path, text);
    expect_finding("line 3: inserted");
    free(text);
}

static void cutting_a_newline_loses_no_record(void **state)
{
    (void)state;
    write_some(2);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    expect_fine(2);
}

static void two_processes_make_one_chain(void **state)
{
    (void)state;
    enum { N = 4, EACH = 50 };
    pid_t child[N];
    for (int i = 0; i < N; i++) {
        child[i] = fork();
        if (child[i] != 0)
            continue;
        struct cg_audit *own = NULL;
        int bad = cg_audit_open(path, dir, true, &own, NULL) != CG_OK;
        for (int n = 0; !bad && n < EACH; n++) {
            enum cg_audit_event event = n % 3 ? CG_AUDIT_REFUSAL : CG_AUDIT_YANK;
            bad = cg_audit_write(own, &(struct cg_audit_record){.event = event}, NULL) != CG_OK;
        }
        cg_audit_close(&own);
        _exit(bad);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    expect_fine(N * EACH);
}

/* What crategatectl does beside a daemon around a rotation: it finds no file and makes the new one. */
static void two_files_in_use_at_once_are_one_chain(void **state)
{
    (void)state;
    struct cg_audit *second = NULL;
    open_trail(path);
    record(CG_AUDIT_YANK, "1");
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(cg_audit_open(path, dir, true, &second, NULL), CG_OK);
    for (int i = 0; i < 5; i++) {
        record(CG_AUDIT_YANK, "old file");
        struct cg_audit_record here = {.event = CG_AUDIT_REPAIR, .target = "new file"};
        assert_int_equal(cg_audit_write(second, &here, NULL), CG_OK);
    }
    cg_audit_close(&second);
    assert_int_equal(verify((char *[]){path, other}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 11);
}

/* Until its record is flushed, nothing but the note in the head tells others of it. */
static void refuse_unflushed(void)
{
    struct stat st;
    record(CG_AUDIT_YANK, "x"); /* a flush; the next is a second away */
    assert_int_equal(stat(path, &st), 0);
    off_t size = st.st_size;
    record(CG_AUDIT_REFUSAL, "x");
    for (int i = 0; i < 1000 && st.st_size == size; i++) {
        usleep(500);
        assert_int_equal(stat(path, &st), 0);
    }
    assert_true(st.st_size > size);
}

static void write_beside(void)
{
    struct cg_audit *second = NULL;
    assert_int_equal(cg_audit_open(path, dir, true, &second, NULL), CG_OK);
    assert_int_equal(cg_audit_write(second, &(struct cg_audit_record){.event = CG_AUDIT_YANK}, NULL), CG_OK);
    cg_audit_close(&second);
}

static void between_renaming_and_reload_no_number_is_given_twice(void **state)
{
    (void)state;
    open_trail(path);
    refuse_unflushed();
    assert_int_equal(rename(path, other), 0);
    write_beside();
    record(CG_AUDIT_YANK, "into the renamed one");
    cg_audit_close(&audit);
    assert_int_equal(verify((char *[]){path, other}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 4);
}

static void a_file_emptied_after_it_was_copied_goes_on_with_its_numbers(void **state)
{
    (void)state;
    open_trail(path);
    refuse_unflushed();
    char *copy = read_text(path);
    write_text(other, copy);
    assert_int_equal(truncate(path, 0), 0);
    write_beside();
    record(CG_AUDIT_YANK, "x");
    cg_audit_close(&audit);
    assert_int_equal(verify((char *[]){path, other}, 2, NULL), CG_OK);
    assert_int_equal(found.findings, 0);
    assert_int_equal(found.records, 4);
    free(copy);
}

static void a_note_of_another_boot_says_nothing(void **state)
{
    (void)state;
    char head[96];
    snprintf(head, sizeof head, "%s/audit.head", dir);
    write_some(2);
    char *text = read_text(head);
    for (char *c = text + strlen(text) / 2; (c = strchr(c, '-')) != NULL;) /* of the boot's id */
        *c = '+';
    char *note = strchr(text, '\n') + 1;
    note[19] = '9'; /* number 9: written, as it says, and lost with the power */
    write_text(head, text);
    write_some(1);
    expect_fine(3);
    free(text);
}

static void a_stopped_holder_of_the_lock_is_an_error_and_no_hang(void **state)
{
    (void)state;
    struct cg_audit_head head;
    struct cg_error err = {0};
    open_trail(path);
    record(CG_AUDIT_YANK, "x");
    assert_int_equal(cg_audit_head_open(dir, false, &head, NULL), CG_OK);
    assert_int_equal(cg_audit_head_lock(&head, true), 0);
    assert_int_equal(cg_audit_write(audit, &(struct cg_audit_record){.event = CG_AUDIT_YANK}, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_audit_reserve(audit, &err), CG_ERR_UNAVAILABLE);
    cg_audit_head_close(&head);
    record(CG_AUDIT_REFUSAL, "x");
    cg_audit_close(&audit);
    expect_fine(2);
}

static void a_lost_head_is_found_again_at_the_end_of_the_file(void **state)
{
    (void)state;
    char head[96];
    snprintf(head, sizeof head, "%s/audit.head", dir);
    write_some(3);
    write_text(head, "what is this?\n");
    write_some(2);
    expect_fine(5);
    assert_int_equal(unlink(head), 0);
    write_some(1);
    expect_fine(6);
}

static void a_put_back_copy_that_is_written_on_is_found(void **state)
{
    (void)state;
    char head[96];
    snprintf(head, sizeof head, "%s/audit.head", dir);
    write_some(3);
    char *three = read_text(path), *three_head = read_text(head);
    write_some(2);
    char *five = read_text(path);
    write_text(path, three);
    write_text(head, three_head);
    open_trail(path);
    record(CG_AUDIT_UNYANK, "another 4");
    record(CG_AUDIT_UNYANK, "another 5");
    cg_audit_close(&audit);
    expect_fine(5); /* who can put back the head has the key too; but the lines that were sent elsewhere do not fit */
    char *again = read_text(path);
    struct cg_buf out;
    cg_buf_init(&out, TEXT_MAX);
    cg_buf_add(&out, five, (size_t)(line_of(five, 5) - five));
    cg_buf_addstr(&out, line_of(again, 5));
    write_text(path, cg_buf_str(&out));
    expect_finding("line 5: record 5 does not follow the one before it");
    write_text(path, five);
    expect_finding("record 5 is not the one that was written last");
    cg_buf_free(&out);
    free(again);
    free(five);
    free(three_head);
    free(three);
}

static void long_lines_and_binary_rubbish_are_survived(void **state)
{
    (void)state;
    write_some(2);
    char *text = read_text(path), *rubbish = cg_malloc(1000002);
    memset(rubbish, 0xfe, 1000000);
    memcpy(rubbish + 1000000, "\n", 2);
    put_between(rubbish);
    expect_finding("line 2: inserted");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fwrite("\0\0\0\n\0", 1, 5, f); /* what a loss of power leaves at some files' ends */
    fclose(f);
    look();
    assert_int_equal(found.records, 2);
    assert_int_equal(found.findings, 1);
    free(rubbish);
    free(text);
}

static void a_trail_to_a_device_is_chained_by_the_head(void **state)
{
    (void)state;
    struct cg_audit_head head;
    struct cg_audit_link link = {0};
    for (int i = 0; i < 2; i++) {
        open_trail("/dev/null");
        record(CG_AUDIT_YANK, "x");
        record(CG_AUDIT_REFUSAL, "x");
        cg_audit_close(&audit);
    }
    assert_int_equal(cg_audit_head_open(dir, false, &head, NULL), CG_OK);
    assert_int_equal(cg_audit_head_read(&head, &link), 0);
    assert_int_equal(link.seq, 4);
    cg_audit_head_close(&head);
}

static void key_and_head_are_ours_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"audit.key", "audit.head"};
    struct stat st;
    umask(0);
    write_some(1);
    umask(022);
    for (int i = 0; i < 2; i++) {
        char *name = cg_asprintf("%s/%s", dir, names[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        free(name);
    }
    char *key = cg_asprintf("%s/audit.key", dir);
    struct cg_error err = {0};
    write_text(key, "no key\n");
    assert_int_equal(cg_audit_open(path, dir, true, &audit, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "audit.key"));
    assert_int_equal(cg_audit_open(path, "/nowhere/at/all", true, &audit, &err), CG_ERR_UNAVAILABLE);
    free(key);
}

static void what_cannot_be_verified_is_an_error(void **state)
{
    (void)state;
    struct cg_error err = {0};
    write_some(1);
    assert_int_equal(verify((char *[]){other}, 1, &err), CG_ERR_ABSENT);
    assert_non_null(strstr(err.detail, other));
    assert_int_equal(verify((char *[]){(char *)"/dev/null"}, 1, &err), CG_ERR_INVALID);
    stop = true;
    assert_int_equal(verify((char *[]){path}, 1, &err), CG_OK);
    assert_int_equal(found.records, 0);
}

static void the_committed_schema_is_what_the_tables_say(void **state)
{
    (void)state;
    struct cg_buf out;
    cg_buf_init(&out, TEXT_MAX);
    cg_audit_write_schema(&out);
    char *committed = read_text(CG_SRCDIR "/docs/audit.schema.json");
    if (strcmp(cg_buf_str(&out), committed) != 0)
        fail_msg("docs/audit.schema.json is not what the tables say: make update-generated");
    free(committed);
    cg_buf_free(&out);
}

static void every_event_is_explained(void **state)
{
    (void)state;
    char *text = read_text(CG_SRCDIR "/docs/audit.md");
    for (int event = 0; event < CG_AUDIT_COUNT; event++) {
        char *word = cg_asprintf("`%s`", cg_audit_event_name((enum cg_audit_event)event));
        if (!strstr(text, word))
            fail_msg("docs/audit.md does not explain %s", word);
        free(word);
    }
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seal_is_read_back_and_fits_only_its_line),
        cmocka_unit_test(what_is_no_seal_is_not_read_as_one),
        T(the_chain_goes_on_over_restarts),
        T(every_changed_byte_is_found_and_its_line_named),
        T(a_removed_line_is_missed),
        T(the_first_lines_removed_are_said_not_to_be_there),
        T(exchanged_lines_are_found),
        T(an_inserted_line_is_found_whatever_it_looks_like),
        T(an_end_that_was_cut_off_is_missed),
        T(refusals_are_named_by_the_head_within_a_second),
        T(another_key_fits_nothing),
        T(rotation_goes_on_in_the_next_file),
        T(a_gzipped_file_is_read_as_it_was),
        T(a_file_removed_from_between_is_missed),
        T(an_old_trail_is_continued_and_its_lines_are_counted),
        T(a_line_cut_short_is_accounted_for_and_no_other_can_stand_there),
        T(cutting_a_newline_loses_no_record),
        T(two_processes_make_one_chain),
        T(two_files_in_use_at_once_are_one_chain),
        T(between_renaming_and_reload_no_number_is_given_twice),
        T(a_file_emptied_after_it_was_copied_goes_on_with_its_numbers),
        T(a_note_of_another_boot_says_nothing),
        T(a_stopped_holder_of_the_lock_is_an_error_and_no_hang),
        T(a_lost_head_is_found_again_at_the_end_of_the_file),
        T(a_put_back_copy_that_is_written_on_is_found),
        T(long_lines_and_binary_rubbish_are_survived),
        T(a_trail_to_a_device_is_chained_by_the_head),
        T(key_and_head_are_ours_alone),
        T(what_cannot_be_verified_is_an_error),
        cmocka_unit_test(the_committed_schema_is_what_the_tables_say),
        cmocka_unit_test(every_event_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

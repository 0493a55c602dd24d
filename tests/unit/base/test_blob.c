/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/blob.h"
#include "base/digest.h"

static void bytes_and_time_are_kept(void **state)
{
    (void)state;
    struct cg_blob *blob = cg_blob_new("a\0b", 3, 1234, 0);
    assert_int_equal(blob->len, 3);
    assert_memory_equal(blob->bytes, "a\0b", 4);
    assert_int_equal(blob->mtime, 1234);
    assert_null(blob->gzip);
    cg_blob_unref(&blob);
    assert_null(blob);
    cg_blob_unref(&blob);
}

static void the_tag_is_of_the_bytes(void **state)
{
    (void)state;
    /* SHA-256 of "abc" begins ba7816bf8f01cfea414140de5dae2223 */
    struct cg_blob *blob = cg_blob_new("abc", 3, 0, 0);
    assert_string_equal(blob->etag, "\"ba7816bf8f01cfea414140de5dae2223\"");
    assert_string_equal(blob->gzip_etag, "\"ba7816bf8f01cfea414140de5dae2223-gz\"");
    cg_blob_unref(&blob);
    struct cg_blob *empty = cg_blob_new(NULL, 0, 0, 1);
    assert_string_equal(empty->etag, "\"e3b0c44298fc1c149afbf4c8996fb924\"");
    assert_int_equal(empty->bytes[0], 0);
    cg_blob_unref(&empty);
}

static char *text_of(size_t len)
{
    char *text = malloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = "{\"name\":\"serde\",\"vers\":\"1.0."[i % 28];
    return text;
}

static void gzip_form_unpacks_to_the_bytes(void **state)
{
    (void)state;
    const size_t len = 100000;
    char *text = text_of(len), *back = malloc(len + 1);
    struct cg_blob *blob = cg_blob_new(text, len, 0, 1);
    assert_non_null(blob->gzip);
    assert_true(blob->gzip_len < len / 10);
    assert_memory_equal(blob->gzip, "\x1f\x8b\x08\x00\x00\x00\x00\x00", 8); /* gzip, no flags, no time */
    z_stream z = {.next_in = (Bytef *)blob->gzip,
                  .avail_in = (uInt)blob->gzip_len,
                  .next_out = (Bytef *)back,
                  .avail_out = (uInt)len + 1};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, len);
    assert_int_equal(z.avail_in, 0); /* one member, nothing behind */
    assert_memory_equal(back, text, len);
    inflateEnd(&z);
    assert_int_equal(cg_blob_weight(blob), sizeof *blob + len + 1 + blob->gzip_len);
    cg_blob_unref(&blob);
    free(text);
    free(back);
}

static void gzip_is_kept_only_when_it_pays(void **state)
{
    (void)state;
    char *text = text_of(600);
    struct cg_blob *small = cg_blob_new(text, 511, 0, 1);
    struct cg_blob *enough = cg_blob_new(text, 512, 0, 1);
    struct cg_blob *unasked = cg_blob_new(text, 600, 0, 0);
    assert_null(small->gzip);
    assert_non_null(enough->gzip);
    assert_null(unasked->gzip);
    unsigned char noise[4096];
    cg_random(noise, sizeof noise);
    struct cg_blob *incompressible = cg_blob_new(noise, sizeof noise, 0, 1);
    assert_null(incompressible->gzip);
    assert_int_equal(incompressible->gzip_len, 0);
    cg_blob_unref(&small);
    cg_blob_unref(&enough);
    cg_blob_unref(&unasked);
    cg_blob_unref(&incompressible);
    free(text);
}

static void *take_and_drop(void *cls)
{
    struct cg_blob *mine = cls;
    for (int i = 0; i < 20000; i++) {
        struct cg_blob *again = cg_blob_ref(mine);
        if (again->bytes[0] != 'x')
            abort();
        cg_blob_unref(&again);
    }
    cg_blob_unref(&mine);
    return NULL;
}

static void many_threads_share_one(void **state)
{
    (void)state;
    pthread_t threads[4];
    struct cg_blob *blob = cg_blob_new("x", 1, 0, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, cg_blob_ref(blob)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&blob->refs), 1);
    cg_blob_unref(&blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_time_are_kept),        cmocka_unit_test(the_tag_is_of_the_bytes),
        cmocka_unit_test(gzip_form_unpacks_to_the_bytes), cmocka_unit_test(gzip_is_kept_only_when_it_pays),
        cmocka_unit_test(many_threads_share_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

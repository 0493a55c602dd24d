/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/sums.h"

static const char *hex_of(const unsigned char digest[CG_SHA256_SIZE])
{
    static char hex[CG_SHA256_HEX_SIZE];
    cg_hex(digest, CG_SHA256_SIZE, hex);
    return hex;
}

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void published_digests_come_out(void **state)
{
    (void)state;
    unsigned char out[CG_SHA256_SIZE];
    cg_sha256("abc", 3, out);
    assert_string_equal(hex_of(out), ABC);
    cg_sha256(NULL, 0, out);
    assert_string_equal(hex_of(out), NOTHING);
}

static void a_stream_gives_the_same_and_starts_over(void **state)
{
    (void)state;
    unsigned char out[CG_SHA256_SIZE];
    struct cg_sha256 *sha = cg_sha256_new();
    cg_sha256_add(sha, "a", 1);
    cg_sha256_add(sha, NULL, 0);
    cg_sha256_add(sha, "bc", 2);
    cg_sha256_end(sha, out);
    assert_string_equal(hex_of(out), ABC);
    cg_sha256_end(sha, out);
    assert_string_equal(hex_of(out), NOTHING);
    cg_sha256_free(&sha);
    assert_null(sha);
    cg_sha256_free(&sha);
}

/* FIPS 180, its first example and the empty text */
static void sha1_is_the_one_that_other_servers_know(void **state)
{
    (void)state;
    unsigned char out[CG_SHA1_SIZE];
    char hex[CG_SHA1_HEX_SIZE];
    struct cg_sha1 *sha = cg_sha1_new();
    cg_sha1_add(sha, "ab", 2);
    cg_sha1_add(sha, "c", 1);
    cg_sha1_end(sha, out);
    cg_sha1_free(&sha);
    assert_null(sha);
    cg_sha1_free(&sha);
    cg_hex(out, sizeof out, hex);
    assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
    sha = cg_sha1_new();
    cg_sha1_end(sha, out);
    cg_sha1_free(&sha);
    cg_hex(out, sizeof out, hex);
    assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

/* RFC 4231, cases 1, 2, 3 and 6 */
static void published_macs_come_out(void **state)
{
    (void)state;
    unsigned char key[131], data[50], out[CG_SHA256_SIZE];
    memset(key, 0x0b, sizeof key);
    struct cg_hmac *hmac = cg_hmac_new(key, 20);
    cg_hmac(hmac, "Hi There", 8, NULL, 0, out);
    assert_string_equal(hex_of(out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    cg_hmac(hmac, "Hi ", 3, "There", 5, out);
    assert_string_equal(hex_of(out), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    cg_hmac_free(&hmac);
    hmac = cg_hmac_new("Jefe", 4);
    cg_hmac(hmac, NULL, 0, "what do ya want for nothing?", 28, out);
    assert_string_equal(hex_of(out), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    cg_hmac_free(&hmac);
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    hmac = cg_hmac_new(key, 20);
    cg_hmac(hmac, data, 50, NULL, 0, out);
    assert_string_equal(hex_of(out), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    cg_hmac_free(&hmac);
    hmac = cg_hmac_new(key, sizeof key);
    cg_hmac(hmac, "Test Using Larger Than Block-Size Key - Hash Key First", 54, NULL, 0, out);
    assert_string_equal(hex_of(out), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    cg_hmac_free(&hmac);
    assert_null(hmac);
    cg_hmac_free(&hmac);
}

struct crowd {
    const struct cg_hmac *hmac;
    unsigned char expected[CG_SHA256_SIZE];
};

static void *digest_often(void *cls)
{
    const struct crowd *crowd = cls;
    unsigned char out[CG_SHA256_SIZE];
    for (int i = 0; i < 20000; i++) {
        cg_hmac(crowd->hmac, "cgp_", 4, "secret", 6, out);
        if (memcmp(out, crowd->expected, sizeof out) != 0)
            return (void *)"mac";
        cg_sha256("abc", 3, out);
        if (out[0] != 0xba || out[31] != 0xad)
            return (void *)"digest";
    }
    return NULL;
}

static void many_threads_digest_at_once(void **state)
{
    (void)state;
    struct cg_hmac *hmac = cg_hmac_new("key", 3);
    struct crowd crowd = {.hmac = hmac};
    cg_hmac(hmac, "cgp_secret", 10, NULL, 0, crowd.expected);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, digest_often, &crowd), 0);
    for (int i = 0; i < 4; i++) {
        void *complaint = NULL;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    cg_hmac_free(&hmac);
}

static void hex_goes_both_ways(void **state)
{
    (void)state;
    unsigned char bytes[3] = {7, 7, 7};
    char text[7];
    assert_int_equal(cg_unhex("00aBFf", bytes, 3), CG_OK);
    assert_memory_equal(bytes, "\x00\xab\xff", 3);
    cg_hex(bytes, 3, text);
    assert_string_equal(text, "00abff");
    cg_hex(bytes, 0, text);
    assert_string_equal(text, "");
}

static void bad_hex_is_refused_and_leaves_no_trace(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "00ab", "00abff0", "00abff00", "00abfg", "00abf ", "0x00ab"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        unsigned char bytes[3] = {7, 7, 7};
        assert_int_equal(cg_unhex(bad[i], bytes, 3), CG_ERR_INVALID);
        assert_memory_equal(bytes, "\x07\x07\x07", 3);
    }
}

static void crc_is_the_usual_one(void **state)
{
    (void)state;
    assert_int_equal(cg_crc32("123456789", 9), 0xcbf43926);
    assert_int_equal(cg_crc32("", 0), 0);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    cg_random(a, sizeof a);
    cg_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    cg_random(a, 0);
}

static void hash_depends_on_every_byte_and_the_length(void **state)
{
    (void)state;
    unsigned char text[40] = {0};
    for (size_t len = 0; len < sizeof text; len++) {
        uint64_t before = cg_hash(text, len);
        assert_true(before == cg_hash(text, len));
        assert_true(before != cg_hash(text, len + 1));
        for (size_t i = 0; i < len; i++) {
            text[i] ^= 1;
            assert_true(before != cg_hash(text, len));
            text[i] ^= 1;
        }
    }
}

static void three_checksums_come_out_of_one_pass(void **state)
{
    struct cg_sums *sums = cg_sums_new();
    struct cg_sums_hex hex;

    (void)state;
    cg_sums_add(sums, "a", 1);
    cg_sums_add(sums, "bc", 2);
    cg_sums_end(&sums, &hex);
    assert_null(sums);
    assert_string_equal(hex.sha256, ABC);
    assert_string_equal(hex.sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert_string_equal(hex.md5, "900150983cd24fb0d6963f7d28e17f72");
    sums = cg_sums_new();
    cg_sums_end(&sums, NULL);
    assert_null(sums);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests_come_out),
        cmocka_unit_test(a_stream_gives_the_same_and_starts_over),
        cmocka_unit_test(sha1_is_the_one_that_other_servers_know),
        cmocka_unit_test(published_macs_come_out),
        cmocka_unit_test(many_threads_digest_at_once),
        cmocka_unit_test(hex_goes_both_ways),
        cmocka_unit_test(bad_hex_is_refused_and_leaves_no_trace),
        cmocka_unit_test(crc_is_the_usual_one),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(hash_depends_on_every_byte_and_the_length),
        cmocka_unit_test(three_checksums_come_out_of_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

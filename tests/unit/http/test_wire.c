/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A cleartext wire over a pair of sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/net/wire.h"

struct pair {
    struct cg_wire *wire;
    int other;
};

static struct pair pair;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return -1;
    pair = (struct pair){.wire = cg_wire_new(fds[0]), .other = fds[1]};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cg_wire_free(&pair.wire);
    if (pair.other >= 0)
        close(pair.other);
    return 0;
}

static void bytes_go_both_ways(void **state)
{
    char in[16];

    (void)state;
    assert_int_equal(cg_wire_write(pair.wire, "question", 8), 8);
    assert_int_equal(read(pair.other, in, sizeof(in)), 8);
    assert_memory_equal(in, "question", 8);
    assert_int_equal(write(pair.other, "answer", 6), 6);
    assert_int_equal(cg_wire_read(pair.wire, in, sizeof(in)), 6);
    assert_memory_equal(in, "answer", 6);
    assert_false(cg_wire_secure(pair.wire));
    assert_false(cg_wire_pending(pair.wire));
}

static void nothing_to_read_is_eagain(void **state)
{
    char in[16];

    (void)state;
    assert_int_equal(cg_wire_read(pair.wire, in, sizeof(in)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(cg_wire_read_wants(pair.wire), EPOLLIN);
}

static void no_room_to_write_is_eagain(void **state)
{
    static const char block[65536];
    ssize_t n;

    (void)state;
    while ((n = cg_wire_write(pair.wire, block, sizeof(block))) > 0)
        ;
    assert_int_equal(n, -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(cg_wire_write_wants(pair.wire), EPOLLOUT);
}

static void the_other_sides_end_is_zero(void **state)
{
    char in[16];

    (void)state;
    shutdown(pair.other, SHUT_WR);
    assert_int_equal(cg_wire_read(pair.wire, in, sizeof(in)), 0);
    assert_int_equal(cg_wire_write(pair.wire, "still", 5), 5);
}

static void a_broken_connection_is_an_error_and_no_signal(void **state)
{
    (void)state;
    close(pair.other);
    pair.other = -1;
    assert_int_equal(cg_wire_write(pair.wire, "lost", 4), -1);
    assert_int_equal(errno, EPIPE);
}

static void shutdown_ends_writing_alone(void **state)
{
    char in[16];

    (void)state;
    cg_wire_shutdown(pair.wire);
    assert_int_equal(read(pair.other, in, sizeof(in)), 0);
    assert_int_equal(write(pair.other, "late", 4), 4);
    assert_int_equal(cg_wire_read(pair.wire, in, sizeof(in)), 4);
}

static void the_descriptor_goes_with_the_wire(void **state)
{
    int fd = cg_wire_fd(pair.wire);

    (void)state;
    cg_wire_free(&pair.wire);
    assert_null(pair.wire);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    cg_wire_free(&pair.wire);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(bytes_go_both_ways),
        T(nothing_to_read_is_eagain),
        T(no_room_to_write_is_eagain),
        T(the_other_sides_end_is_zero),
        T(a_broken_connection_is_an_error_and_no_signal),
        T(shutdown_ends_writing_alone),
        T(the_descriptor_goes_with_the_wire),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}

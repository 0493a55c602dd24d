/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "credential/store.h"
#include "crategate/clock.h"
#include "temp_dir.h"

static void without_a_session_there_is_no_keyring(void **state)
{
    struct cg_store *store = NULL;

    (void)state;
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    assert_int_equal(cg_keyring_open(&store, NULL), CG_ERR_ABSENT);
    setenv("DBUS_SESSION_BUS_ADDRESS", "", 1);
    assert_int_equal(cg_keyring_open(&store, NULL), CG_ERR_ABSENT);
    assert_null(store);
}

static void a_bus_that_says_nothing_is_left_after_two_seconds(void **state)
{
    char *dir = cg_temp_dir_new();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct cg_store *store = NULL;
    struct cg_error err = {0};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char bus[200];
    int64_t start;

    (void)state;
    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/bus", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    snprintf(bus, sizeof(bus), "unix:path=%s", address.sun_path);
    setenv("DBUS_SESSION_BUS_ADDRESS", bus, 1);
    start = cg_clock_mono_ms();
    assert_int_equal(cg_keyring_open(&store, &err), CG_ERR_ABSENT);
    assert_in_range(cg_clock_mono_ms() - start, 1900, 10000);
    assert_non_null(strstr(err.detail, "in time"));
    close(fd);
    cg_temp_dir_free(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_session_there_is_no_keyring),
        cmocka_unit_test(a_bus_that_says_nothing_is_left_after_two_seconds), /* the last: it leaves GIO waiting */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

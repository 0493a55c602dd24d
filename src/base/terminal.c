/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define TTY "/dev/tty"
#define LINE_SIZE 1024
#define SAY_MAX 2048

struct cg_terminal {
    int fd;
};

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

/* The terminal and the signals as they were before a question. */
struct guard {
    struct termios mode;
    bool hidden;
    sigset_t mask;
    struct sigaction before[WATCHED];
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
}

enum cg_err cg_terminal_open(struct cg_terminal **terminal_out, struct cg_error *err)
{
    int fd = open(TTY, O_RDWR | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return cg_error_set(err, CG_ERR_ABSENT, "there is no terminal");
    /* Whoever reads from the background is stopped by the kernel, and cargo with it. */
    if (tcgetpgrp(fd) != getpgrp()) {
        close(fd);
        return cg_error_set(err, CG_ERR_ABSENT, "the terminal belongs to another program now");
    }
    *terminal_out = cg_calloc(1, sizeof(**terminal_out));
    (*terminal_out)->fd = fd;
    return CG_OK;
}

void cg_terminal_close(struct cg_terminal **terminal)
{
    if (*terminal)
        close((*terminal)->fd);
    free(*terminal);
    *terminal = NULL;
}

static void put(struct cg_terminal *terminal, const char *text)
{
    char shown[SAY_MAX];

    cg_str_printable(text, strlen(text), shown, sizeof(shown));
    /* A terminal that is gone is noticed by the reading. */
    (void)!cg_file_write_fd(terminal->fd, TTY, shown, strlen(shown), NULL);
}

void cg_terminal_say(struct cg_terminal *terminal, const char *fmt, ...)
{
    char text[SAY_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    put(terminal, text);
    (void)!cg_file_write_fd(terminal->fd, TTY, "\n", 1, NULL);
}

/* Blocked but while waiting, so that none comes between the look at `caught` and the waiting. SIGTTOU too: a shell that
 * took the terminal back must not keep us from putting it right. */
static void guard_signals(struct guard *guard)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t block;

    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    for (size_t i = 0; i < WATCHED; i++)
        sigaddset(&block, watched[i]);
    caught = 0;
    sigprocmask(SIG_BLOCK, &block, &guard->mask);
    for (size_t i = 0; i < WATCHED; i++) {
        sigaction(watched[i], NULL, &guard->before[i]);
        if (guard->before[i].sa_handler != SIG_IGN)
            sigaction(watched[i], &action, NULL);
    }
}

static void guard_end(struct guard *guard, struct cg_terminal *terminal)
{
    if (guard->hidden)
        tcsetattr(terminal->fd, TCSAFLUSH, &guard->mode);
    for (size_t i = 0; i < WATCHED; i++)
        sigaction(watched[i], &guard->before[i], NULL);
    sigprocmask(SIG_SETMASK, &guard->mask, NULL);
}

/* What was typed before the question is thrown away: it was not meant for it. */
static enum cg_err hide(struct guard *guard, struct cg_terminal *terminal, struct cg_error *err)
{
    struct termios silent;

    if (tcgetattr(terminal->fd, &guard->mode) != 0)
        return cg_file_error(err, errno, "read the settings of", TTY);
    silent = guard->mode;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    silent.c_lflag |= ECHONL | ICANON | ISIG;
    if (tcsetattr(terminal->fd, TCSAFLUSH, &silent) != 0)
        return cg_file_error(err, errno, "hide what is typed on", TTY);
    guard->hidden = true;
    return CG_OK;
}

/* Room for a line. AGAIN: a signal came. */
static enum cg_err wait_line(struct cg_terminal *terminal, const struct guard *guard, int timeout_s,
                             struct cg_error *err)
{
    struct pollfd poll_fd = {.fd = terminal->fd, .events = POLLIN};
    const struct timespec limit = {.tv_sec = timeout_s};
    int n = ppoll(&poll_fd, 1, timeout_s ? &limit : NULL, &guard->mask);

    if (n > 0)
        return CG_OK;
    if (n == 0)
        return cg_error_set(err, CG_ERR_TIMEOUT, "nothing was typed within %d seconds", timeout_s);
    return errno == EINTR ? CG_ERR_AGAIN : cg_file_error(err, errno, "wait for", TTY);
}

static enum cg_err read_line(struct cg_terminal *terminal, struct cg_secret *line_out, struct cg_error *err)
{
    char line[LINE_SIZE];
    ssize_t n = read(terminal->fd, line, sizeof(line));
    enum cg_err rc = CG_OK;

    if (n > 0 && line[n - 1] == '\n')
        cg_secret_set(line_out, line, (size_t)n - 1);
    else if (n == sizeof(line))
        rc = cg_error_set(err, CG_ERR_INVALID, "that is too long");
    else
        rc = cg_error_set(err, CG_ERR_INVALID, "nothing was entered");
    tcflush(terminal->fd, TCIFLUSH);
    cg_wipe(line, sizeof(line));
    return rc;
}

static enum cg_err ask_once(struct cg_terminal *terminal, const char *prompt, int timeout_s, bool silent,
                            struct cg_secret *line_out, struct cg_error *err)
{
    struct guard guard = {0};
    enum cg_err rc = CG_OK;

    guard_signals(&guard);
    if (silent)
        rc = hide(&guard, terminal, err);
    if (rc == CG_OK) {
        put(terminal, prompt);
        rc = wait_line(terminal, &guard, timeout_s, err);
    }
    if (rc == CG_OK)
        rc = read_line(terminal, line_out, err);
    if (rc != CG_OK)
        (void)!cg_file_write_fd(terminal->fd, TTY, "\n", 1, NULL);
    guard_end(&guard, terminal);
    return rc;
}

/* The signal does then what it would have done; whoever is stopped and goes on is asked again. */
static enum cg_err ask(struct cg_terminal *terminal, const char *prompt, int timeout_s, bool silent,
                       struct cg_secret *line_out, struct cg_error *err)
{
    enum cg_err rc;

    while ((rc = ask_once(terminal, prompt, timeout_s, silent, line_out, err)) == CG_ERR_AGAIN)
        if (caught)
            raise(caught);
    return rc;
}

enum cg_err cg_terminal_ask(struct cg_terminal *terminal, const char *prompt, char **answer_out, struct cg_error *err)
{
    struct cg_secret line = {0};
    enum cg_err rc = ask(terminal, prompt, 0, false, &line, err);

    if (rc == CG_OK)
        *answer_out = cg_strdup((const char *)line.bytes); /* NULL, an empty line, gives "" */
    cg_secret_free(&line);
    return rc;
}

enum cg_err cg_terminal_ask_secret(struct cg_terminal *terminal, const char *prompt, int timeout_s,
                                   struct cg_secret *answer_out, struct cg_error *err)
{
    return ask(terminal, prompt, timeout_s, true, answer_out, err);
}

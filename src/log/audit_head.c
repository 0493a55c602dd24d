/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_head.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define SEQ_WIDTH 20
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_SIZE 36
#define LOCK_WAIT_MS 10000
#define LOCK_POLL_MS 5
#define TEXT_SIZE (SEQ_WIDTH + 1 + CG_SHA256_HEX_SIZE) /* the hexadecimal digits and a newline in the NUL's place */
#define NOTE_SIZE (TEXT_SIZE + BOOT_SIZE + 1)

enum cg_err cg_audit_head_open(const char *state_dir, bool write, struct cg_audit_head *head_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/audit.head", state_dir);
    int fd = open(path, (write ? O_RDWR | O_CREAT : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    enum cg_err rc = fd < 0 ? cg_file_error(err, errno, "open", path) : CG_OK;
    if (rc == CG_OK)
        head_out->fd = fd;
    free(path);
    return rc;
}

void cg_audit_head_close(struct cg_audit_head *head)
{
    if (head->fd >= 0)
        close(head->fd);
    head->fd = -1;
}

int cg_audit_head_lock(const struct cg_audit_head *head, bool shared)
{
    const int operation = (shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
    const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};

    for (int waited = 0; flock(head->fd, operation) < 0; waited += LOCK_POLL_MS) {
        if (errno != EINTR && errno != EWOULDBLOCK)
            return errno;
        if (waited >= LOCK_WAIT_MS)
            return ETIMEDOUT;
        nanosleep(&pause, NULL);
    }
    return 0;
}

void cg_audit_head_unlock(const struct cg_audit_head *head)
{
    (void)flock(head->fd, LOCK_UN);
}

static bool understand(char *text, struct cg_audit_link *link_out)
{
    unsigned char unused[CG_SHA256_SIZE];
    char *mac = text + SEQ_WIDTH + 1;
    if (text[SEQ_WIDTH] != ' ' || text[TEXT_SIZE - 1] != '\n')
        return false;
    text[SEQ_WIDTH] = text[TEXT_SIZE - 1] = '\0';
    if (cg_parse_u64(text, INT64_MAX, &link_out->seq) != CG_OK || cg_unhex(mac, unused, sizeof unused) != CG_OK)
        return false;
    memcpy(link_out->mac, mac, sizeof link_out->mac);
    return true;
}

int cg_audit_head_read(const struct cg_audit_head *head, struct cg_audit_link *link_out)
{
    char text[TEXT_SIZE + 1] = "";
    struct cg_audit_link link;
    ssize_t n = pread(head->fd, text, TEXT_SIZE, 0);
    if (n < 0)
        return errno;
    cg_audit_link_init(link_out);
    if (n == TEXT_SIZE && understand(text, &link))
        *link_out = link;
    return 0;
}

/* Empty where the system does not tell: then no note is ever believed. */
static void read_boot(char out[BOOT_SIZE + 1])
{
    int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out, BOOT_SIZE) : -1;

    out[n == BOOT_SIZE ? BOOT_SIZE : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static void read_note(const struct cg_audit_head *head, struct cg_audit_link *link_out)
{
    char text[NOTE_SIZE + 1] = "", boot[BOOT_SIZE + 1];
    ssize_t n = pread(head->fd, text, NOTE_SIZE, TEXT_SIZE);

    cg_audit_link_init(link_out);
    read_boot(boot);
    if (n == NOTE_SIZE && boot[0] && memcmp(text + TEXT_SIZE, boot, BOOT_SIZE) == 0)
        (void)understand(text, link_out);
}

int cg_audit_head_latest(const struct cg_audit_head *head, struct cg_audit_link *link_out)
{
    struct cg_audit_link noted;
    int errnum = cg_audit_head_read(head, link_out);

    if (errnum)
        return errnum;
    read_note(head, &noted);
    if (noted.seq > link_out->seq)
        *link_out = noted;
    return 0;
}

void cg_audit_head_note(const struct cg_audit_head *head, const struct cg_audit_link *link)
{
    char text[NOTE_SIZE + 1], boot[BOOT_SIZE + 1];

    read_boot(boot);
    snprintf(text, sizeof text, "%0*" PRIu64 " %s\n%s\n", SEQ_WIDTH, link->seq, link->mac, boot);
    if (boot[0])
        (void)!pwrite(head->fd, text, NOTE_SIZE, TEXT_SIZE);
}

int cg_audit_head_write(const struct cg_audit_head *head, const struct cg_audit_link *link)
{
    char text[TEXT_SIZE + 1];
    snprintf(text, sizeof text, "%0*" PRIu64 " %s\n", SEQ_WIDTH, link->seq, link->mac);
    ssize_t n = pwrite(head->fd, text, TEXT_SIZE, 0);
    return n == TEXT_SIZE ? 0 : n < 0 ? errno : ENOSPC;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Runs a fuzz target over its corpus, without libFuzzer: what fuzzing once found stays found in every `make check`.
 * Arguments are corpus folders or files; without any it is the target's own folder in the sources.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define INPUT_MAX (16u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes go into a block of exactly their size, so that the sanitizers see a read of one byte too many. */
static int replay_file(const char *path)
{
    struct cg_buf buf;
    struct cg_error err = {0};
    cg_buf_init(&buf, INPUT_MAX);
    if (cg_file_read(path, &buf, &err) != CG_OK) {
        fprintf(stderr, "%s\n", err.detail);
        exit(1);
    }
    uint8_t *exact = cg_malloc(buf.len ? buf.len : 1);
    if (buf.len)
        memcpy(exact, buf.data, buf.len);
    LLVMFuzzerTestOneInput(exact, buf.len);
    free(exact);
    cg_buf_free(&buf);
    return 1;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort), done = 0;
    for (int i = 0; i < count; i++) {
        char *file = cg_asprintf("%s/%s", path, entries[i]->d_name);
        done += replay_file(file);
        free(file);
        free(entries[i]);
    }
    free(entries);
    return done;
}

static int replay(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path);
}

int main(int argc, char **argv)
{
    int done = 0;
    for (int i = 1; i < argc; i++)
        done += replay(argv[i]);
    if (argc == 1)
        done = replay(CG_SRCDIR "/tests/fuzz/corpus/" FUZZ_NAME);
    printf("%s: %d inputs replayed\n", FUZZ_NAME, done);
    return done > 0 ? 0 : 1; /* an empty corpus would prove nothing */
}

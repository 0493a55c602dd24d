/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Prints what is generated from the table: etc/crategate.toml, docs/configuration.md, docs/crategate.toml.5. */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "conf/conf.h"

#define OUTPUT_MAX (1024 * 1024)

static const struct {
    const char *name;
    void (*write)(struct cg_buf *out);
} kinds[] = {{"sample", cg_conf_write_sample}, {"docs", cg_conf_write_docs}, {"man", cg_conf_write_man}};

static bool print(void (*write)(struct cg_buf *out))
{
    struct cg_buf out;
    bool done;

    cg_buf_init(&out, OUTPUT_MAX);
    write(&out);
    done = !cg_buf_failed(&out) && fputs(cg_buf_str(&out), stdout) != EOF && fflush(stdout) == 0;
    cg_buf_free(&out);
    return done;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (cg_streq(argv[1], kinds[i].name))
            return print(kinds[i].write) ? EXIT_SUCCESS : EXIT_FAILURE;
    fprintf(stderr, "usage: gen_conf sample|docs|man\n");
    return EXIT_FAILURE;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* cargo-credential-crategate: what cargo runs when it needs a token of a crategate gateway. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credential/note.h"
#include "credential/plugin.h"
#include "credential/remote.h"
#include "credential/status.h"
#include "credential/wiping.h"
#include "crategate/version.h"

#define USED_WRONGLY 2

static const char usage[] =
    "Usage: cargo-credential-crategate status | --cargo-plugin | --version | --help\n"
    "Logs cargo in to crategate gateways with the password of your directory account.\n"
    "\n"
    "cargo runs this program itself once a registry names it in ~/.cargo/config.toml:\n"
    "\n"
    "  [registries.NAME]\n"
    "  index = \"sparse+https://crates.example.com/api/cargo/NAMESPACE/index/\"\n"
    "  credential-provider = \"cargo-credential-crategate\"\n"
    "\n"
    "Then: cargo login --registry NAME [-- --user USER --days N --namespace NS,... --scope SCOPE,...]\n"
    "      cargo logout --registry NAME\n"
    "\n"
    "  status          lists the logins that are kept, until when and where\n"
    "  --cargo-plugin  speaks cargo's credential provider protocol\n";

/* Neither a core nor another process of this user gets at a password in memory. */
static void harden(void)
{
    const struct rlimit none = {0, 0};

    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
}

static int show_status(void)
{
    struct cg_vault *vault = NULL;
    struct cg_error err = {0};
    int status = 1;

    if (cg_vault_open(&vault, &err) == CG_OK)
        status = cg_status_print(vault, stdout);
    else
        cg_note("%s", err.detail);
    cg_vault_free(&vault);
    return status;
}

static int serve_cargo(void)
{
    int status;

    cg_remote_init();
    status = cg_plugin_run(STDIN_FILENO, STDOUT_FILENO);
    cg_remote_end();
    return status;
}

int main(int argc, char **argv)
{
    const char *word = argc == 2 ? argv[1] : "";

    harden();
    json_set_alloc_funcs(cg_wiping_malloc, cg_wiping_free);
    if (strcmp(word, "--cargo-plugin") == 0)
        return serve_cargo();
    if (strcmp(word, "status") == 0)
        return show_status();
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return puts("cargo-credential-crategate " CG_VERSION) < 0;
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return fputs(usage, stdout) < 0;
    fputs(usage, stderr);
    return USED_WRONGLY;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/status.h"

#include <string.h>

#include "base/str.h"
#include "credential/note.h"
#include "crategate/clock.h"
#include "crategate/token.h"

#define DAY_S 86400

struct listing {
    FILE *to;
    size_t count;
};

static void print_life(FILE *to, const struct cg_login_record *record)
{
    int64_t now = cg_clock_wall_s();
    char date[CG_DATE_SIZE];

    cg_date(record->expires_at, date);
    if (!record->token.len)
        fputs("refused by the gateway; log in again", to);
    else if (!record->expires_at)
        fputs("expiry not known", to);
    else if (cg_login_record_expired(record, now))
        fprintf(to, "expired on %s", date);
    else
        fprintf(to, "until %s (%lld days)", date, (long long)((record->expires_at - now) / DAY_S));
}

static void print_names(FILE *to, const char *what, char *const *names)
{
    for (size_t i = 0; names && names[i]; i++)
        fprintf(to, "%s%s", i ? "," : what, names[i]);
}

static void print_one(void *cls, const struct cg_login_record *record, const char *where)
{
    struct listing *listing = cls;
    char user[256];

    listing->count++;
    cg_str_printable(record->user, strlen(record->user), user, sizeof(user));
    fprintf(listing->to, "%s\n  %s%s, ", record->base, *user ? "as " : "token given by hand", user);
    print_life(listing->to, record);
    print_names(listing->to, "\n  namespaces: ", record->wish.namespaces);
    print_names(listing->to, "\n  actions: ", record->wish.scopes);
    fprintf(listing->to, "\n  kept in %s\n", where);
}

int cg_status_print(struct cg_vault *vault, FILE *to)
{
    struct listing listing = {.to = to};
    struct cg_error err = {0};
    enum cg_err rc = cg_vault_each(vault, print_one, &listing, &err);

    if (rc != CG_OK)
        cg_note("%s", err.detail);
    else if (!listing.count)
        fputs("No logins are kept. `cargo login --registry NAME` makes one.\n", to);
    return rc == CG_OK ? 0 : 1;
}

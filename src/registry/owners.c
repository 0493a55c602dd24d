/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Owners of a crate (cargo-protocol.md 5.4): people by their directory's stable id, groups by their DN. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/registry_priv.h"

#define GROUP_PREFIX "group:"
#define MESSAGE_MAX (64u * 1024)

static void add_user(struct cg_buf *out, const struct cg_owner *owner)
{
    cg_buf_addf(out, "{\"id\":%u,\"login\":", owner->id);
    cg_json_quote(out, owner->login);
    cg_buf_addf(out, ",\"kind\":\"%s\",\"name\":null,\"email\":null,\"avatar\":null,\"url\":null}",
                owner->kind == CG_OWNER_GROUP ? "team" : "user");
}

enum cg_err cg_registry_owners(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                               struct cg_error *err)
{
    struct cg_found found = {0};
    struct cg_owners owners = {0};
    enum cg_err rc = cg_find_crate(reg, ns, name, &found, err);

    cg_found_free(&found);
    if (rc == CG_OK)
        rc = cg_owners_read(reg, ns, name, &owners, err);
    if (rc != CG_OK)
        return rc;
    cg_buf_addstr(out, "{\"users\":[");
    for (size_t i = 0; i < owners.count; i++) {
        if (i)
            cg_buf_addch(out, ',');
        add_user(out, &owners.items[i]);
    }
    cg_buf_addstr(out, "]}");
    cg_owners_free(&owners);
    return cg_answer_check(out, err);
}

/* One change of owners on its way. */
struct owning {
    struct cg_registry *reg;
    struct cg_change *change;
    struct cg_directory *dir;
    char folded[CG_CRATE_NAME_MAX + 1];
    const char *name; /* as published */
    struct cg_owners now;
    struct cg_owners change_set; /* those to add or to remove */
    struct cg_error *err;
};

static enum cg_err unknown(struct owning *o, const char *what, const char *login, const char *why)
{
    char shown[160];

    cg_str_printable(login, strlen(login), shown, sizeof(shown));
    return cg_error_set(o->err, CG_ERR_UNPROCESSABLE, "the %s \"%s\" cannot be an owner: %s", what, shown, why);
}

/* The directory's "no" is about the owner that was named, not about the caller. */
static enum cg_err directory_no(struct owning *o, enum cg_err rc, const char *what, const char *login)
{
    if (rc == CG_ERR_ABSENT)
        return unknown(o, what, login, "the directory does not know it");
    if (rc == CG_ERR_DENIED)
        return unknown(o, what, login, "the account may not be used");
    return rc;
}

static enum cg_err resolve_group(struct owning *o, const char *login, struct cg_owner *out)
{
    char *dn = NULL;
    enum cg_err rc = o->dir->ops->resolve_group(o->dir, login + strlen(GROUP_PREFIX), &dn, o->err);

    if (rc != CG_OK)
        return directory_no(o, rc, "group", login + strlen(GROUP_PREFIX));
    *out = (struct cg_owner){.kind = CG_OWNER_GROUP, .login = cg_strdup(login), .subject = dn};
    return CG_OK;
}

/* The login becomes the directory's own spelling, so that "Alice" and "alice" are not two to cargo's users. */
static enum cg_err resolve_user(struct owning *o, const char *login, struct cg_owner *out)
{
    struct cg_identity *who = NULL;
    enum cg_err rc = o->dir->ops->find(o->dir, login, &who, o->err);

    if (rc != CG_OK)
        return directory_no(o, rc, "user", login);
    *out = (struct cg_owner){
        .kind = CG_OWNER_USER, .login = cg_strdup(cg_identity_name(who)), .subject = cg_strdup(cg_identity_id(who))};
    cg_identity_unref(&who);
    return CG_OK;
}

static void push(struct cg_owners *owners, const struct cg_owner *owner)
{
    owners->items = cg_reallocarray(owners->items, owners->count + 1, sizeof(*owners->items));
    owners->items[owners->count++] = *owner;
}

static enum cg_err resolve(struct owning *o, const char *login)
{
    struct cg_owner owner = {0};
    enum cg_err rc =
        cg_str_starts(login, GROUP_PREFIX) ? resolve_group(o, login, &owner) : resolve_user(o, login, &owner);

    if (rc == CG_OK)
        push(&o->change_set, &owner);
    return rc;
}

/* Whoever is an owner can be removed, also when the directory knows them no more. */
static enum cg_err find_owner(struct owning *o, const char *login)
{
    for (size_t i = 0; i < o->now.count; i++) {
        const struct cg_owner *owner = &o->now.items[i];
        struct cg_owner copy = {.kind = owner->kind};

        if (!cg_streq_nocase(owner->login, login))
            continue;
        copy.login = cg_strdup(owner->login);
        copy.subject = cg_strdup(owner->subject);
        push(&o->change_set, &copy);
        return CG_OK;
    }
    char shown[160];
    cg_str_printable(login, strlen(login), shown, sizeof(shown));
    return cg_error_set(o->err, CG_ERR_UNPROCESSABLE, "\"%s\" is not an owner of crate `%s`", shown, o->name);
}

static bool owns_already(const struct owning *o, const struct cg_owner *owner)
{
    for (size_t i = 0; i < o->now.count; i++)
        if (o->now.items[i].kind == owner->kind && strcmp(o->now.items[i].subject, owner->subject) == 0)
            return true;
    return false;
}

static enum cg_err add_all(struct owning *o)
{
    struct cg_metadata *md = o->reg->md;
    enum cg_err rc = CG_OK;

    o->change->unchanged = true;
    for (size_t i = 0; rc == CG_OK && i < o->change_set.count; i++) {
        o->change->unchanged &= owns_already(o, &o->change_set.items[i]);
        rc = md->ops->owner_add(md, o->change->ns, o->folded, &o->change_set.items[i], o->err);
    }
    o->change->unchanged &= rc == CG_OK;
    return rc;
}

static enum cg_err remove_all(struct owning *o)
{
    struct cg_metadata *md = o->reg->md;
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < o->change_set.count; i++) {
        rc = md->ops->owner_remove(md, o->change->ns, o->folded, o->change_set.items[i].login, o->err);
        if (rc == CG_ERR_ABSENT) /* named twice, or somebody else was faster: it is so */
            rc = CG_OK;
    }
    return rc;
}

static void say(struct owning *o, bool add, struct cg_buf *out)
{
    struct cg_buf text;
    size_t count = o->change_set.count;
    struct cg_owners left = {0};

    cg_buf_init(&text, MESSAGE_MAX);
    for (size_t i = 0; i < count; i++)
        cg_buf_addf(&text, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", o->change_set.items[i].login);
    cg_buf_addf(&text, " %s %s of crate `%s`", count == 1 ? "is" : "are",
                add ? (count == 1 ? "now an owner" : "now owners")
                    : (count == 1 ? "no longer an owner" : "no longer owners"),
                o->name);
    if (!add && cg_owners_read(o->reg, o->change->ns, o->name, &left, NULL) == CG_OK && left.count == 0)
        cg_buf_addf(&text,
                    "; it has no owners of its own any more, so every publisher of namespace \"%s\" may publish and "
                    "yank it",
                    o->change->ns);
    cg_owners_free(&left);
    cg_buf_addstr(out, "{\"ok\":true,\"msg\":");
    cg_json_quote(out, cg_buf_str(&text));
    cg_buf_addch(out, '}');
    cg_buf_free(&text);
}

static enum cg_err change_all(struct owning *o, char *const *logins, bool add)
{
    enum cg_err rc = cg_owners_read(o->reg, o->change->ns, o->name, &o->now, o->err);

    /* All are looked up before anything changes. */
    for (; rc == CG_OK && *logins; logins++)
        rc = add ? resolve(o, *logins) : find_owner(o, *logins);
    if (rc == CG_OK)
        rc = add ? add_all(o) : remove_all(o);
    return rc;
}

enum cg_err cg_registry_owners_change(struct cg_registry *reg, struct cg_change *change, struct cg_directory *dir,
                                      const char *name, char *const *logins, bool add, struct cg_buf *out,
                                      struct cg_error *err)
{
    struct owning o = {.reg = reg, .change = change, .dir = dir, .err = err};
    struct cg_found found = {0};
    enum cg_err rc;

    cg_change_name(change, name, NULL);
    rc = cg_change_decide(reg, change, CG_ACTION_OWNERS, name, err);
    if (rc == CG_OK)
        rc = cg_find_crate(reg, change->ns, name, &found, err);
    if (rc != CG_OK)
        return rc;
    o.name = found.digest.name;
    cg_crate_name_fold(o.name, o.folded);
    rc = change_all(&o, logins, add);
    if (rc == CG_OK) {
        say(&o, add, out);
        rc = cg_answer_check(out, err);
    }
    cg_owners_free(&o.now);
    cg_owners_free(&o.change_set);
    cg_found_free(&found);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Publish (cargo-protocol.md 5.2, 7.3). What costs little comes first: frame,
 * names, rights. The crate is streamed into the storage beside the checks, and
 * only when everything is known to be good is the namespace locked: look at the
 * index as it is now, put the crate in place, then the line. Until the line is
 * there, the crate file is none, and a repeat replaces it. The database's rows
 * follow under the same lock, so that two publishes of one crate cannot leave
 * them in the wrong order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"
#include "registry/admission.h"
#include "registry/frame.h"
#include "registry/intake.h"
#include "registry/origin.h"
#include "registry/publish_metadata.h"
#include "registry/quarantine.h"
#include "registry/refuse.h"
#include "registry/registry_url.h"
#include "registry/sync_state.h"

struct publish {
    struct cg_registry *reg;
    struct cg_change *change;
    const struct cg_conf *conf;
    struct cg_namespace *ns;
    struct cg_publish_metadata metadata;
    struct cg_frame frame;
    struct cg_intake in;
    struct cg_admission line; /* the index file, first as it was, then with the new line */
    char **warnings;
    struct cg_error *err;
};

static enum cg_err read_metadata(struct publish *p, const struct cg_source *body)
{
    struct cg_buf json;
    enum cg_err rc;

    cg_buf_init(&json, CG_FRAME_JSON_MAX);
    rc = cg_frame_read(body, p->conf->max_crate_size, &json, &p->frame, p->err);
    if (rc == CG_OK) {
        rc = cg_publish_metadata_parse(cg_buf_str(&json), json.len, &p->metadata, p->err);
        cg_change_name(p->change, p->metadata.name, p->metadata.version);
    }
    cg_buf_free(&json);
    return rc;
}

/* Does some spelling of the name exist? Then it is an update, also where the spelling will be refused. */
static enum cg_err decide(struct publish *p)
{
    char twin[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = p->ns ? cg_namespace_list(p->ns, p->err) : CG_OK;
    bool exists;

    if (rc != CG_OK)
        return rc;
    exists = p->ns && cg_index_memory_folded(p->ns->mem, p->metadata.name, twin);
    return cg_change_decide(p->reg, p->change, exists ? CG_ACTION_PUBLISH_UPDATE : CG_ACTION_PUBLISH_NEW,
                            p->metadata.name, p->err);
}

/* Naming another namespace of ours takes that its publisher may read it, or a publish would tell who exists. A person's
 * token may be narrowed to this namespace without that changing what its owner may see. */
static enum cg_err may_see(struct publish *p, const char *named)
{
    struct cg_caller caller = *p->change->caller;
    struct cg_question question = {.caller = &caller, .action = CG_ACTION_READ, .namespace_name = named};
    struct cg_decision decision;
    enum cg_err rc;

    if (strcmp(named, p->ns->name) == 0)
        return CG_OK;
    if (cg_identity_kind(caller.who) == CG_IDENTITY_PERSON)
        caller.token = NULL;
    rc = cg_policy_decide(p->change->policy, &question, &decision);
    return rc == CG_ERR_UNAVAILABLE ? cg_error_set(p->err, rc, "%s", decision.reason) : rc;
}

/* The policy is asked first: it knows, too, whether "there is none" is known at all. Who may not see the namespace behind
 * a repository of Artifactory is answered as if there were none. */
static enum cg_err resolve_registry(struct publish *p, const char *url, char **out)
{
    char named[CG_NAMESPACE_MAX + 1], literal[CG_NAMESPACE_MAX + 1];
    enum cg_err rc = CG_OK;

    if (url && cg_registry_url_own(p->conf, p->ns->name, url, named))
        rc = may_see(p, named);
    if (rc == CG_OK)
        return cg_registry_url_resolve(p->conf, p->ns->name, url, out, p->err);
    if (rc == CG_ERR_UNAVAILABLE)
        return rc;
    if (cg_registry_url_own(p->conf, NULL, url, literal))
        return cg_registry_url_unseen(literal, p->err);
    return cg_registry_url_resolve_literally(p->conf, p->ns->name, url, out, p->err);
}

/* `line`: of an import, the index line that the crate had. */
static enum cg_err resolve_dependency(struct publish *p, const json_t *line, struct cg_dep *dep)
{
    const struct cg_origin *origin = p->change->origin;
    const char *url = dep->registry;
    char *resolved = NULL;
    enum cg_err rc = CG_OK;

    if (!origin || !cg_origin_own(origin, line, dep, &url))
        rc = resolve_registry(p, url, &resolved);
    if (rc == CG_OK) {
        free(dep->registry);
        dep->registry = resolved;
    }
    return rc;
}

static enum cg_err resolve_registries(struct publish *p)
{
    json_t *line = cg_origin_line(p->change->origin);
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < p->in.package.dep_count; i++)
        rc = resolve_dependency(p, line, &p->in.package.deps[i]);
    json_decref(line);
    return rc;
}

static enum cg_err take_in(struct publish *p, const struct cg_source *body)
{
    enum cg_err rc;

    p->in = (struct cg_intake){.ns = p->ns,
                               .body = body,
                               .offset = p->frame.crate_offset,
                               .size = p->frame.crate_size,
                               .name = p->metadata.name,
                               .version = p->metadata.version,
                               .unpacked_max = p->conf->max_unpacked_size};
    rc = cg_intake_run(&p->in, p->err);
    if (rc == CG_OK)
        rc = resolve_registries(p);
    if (rc == CG_OK)
        rc = cg_admission_fields(p->conf, p->ns->name, &p->in.package, p->err);
    return rc;
}

/* A version that is there already, but whose file is not: the same bytes bring it back. Where others lie in its place
 * nothing is replaced, and the publisher is told. */
static bool is_quarantined(const struct publish *p)
{
    struct cg_quarantined why;

    return cg_quarantine_find(p->ns, p->metadata.name, p->metadata.version, &why);
}

/* Looks without the lock, so that what cannot be published is not put into the store, where nothing is deleted again. */
static enum cg_err stage(struct publish *p)
{
    struct cg_storage *st = p->ns->st;
    struct cg_crate_facts facts = {.cksum = p->in.cksum, .publisher = cg_identity_name(p->change->caller->who)};
    bool same = false;
    enum cg_err rc;

    if (st->ops->crate_flush)
        return st->ops->crate_flush(st, p->in.upload, p->metadata.name, p->err);
    if (!st->ops->crate_stage)
        return CG_OK;
    rc = cg_admission_place(&p->line, p->in.cksum, &same, p->err);
    if (rc != CG_OK || (same && !is_quarantined(p)))
        return rc;
    rc = st->ops->crate_stage(st, p->in.upload, p->metadata.name, p->metadata.version, &facts, p->err);
    if (rc == CG_OK && same)
        cg_sync_state_want(p->ns->sync); /* a look gives it out again */
    return rc;
}

/* From here on under the storage lock. */

/* What is yanked from the start is told to a store with other writers, too. */
static void note_yank(struct publish *p)
{
    if (p->change->origin && p->change->origin->yanked && p->ns->st->ops->crate_mark)
        cg_sync_state_mark(p->ns->sync, p->metadata.name, p->metadata.version);
}

/* The line is made first, so that nothing but the medium can fail once the crate is in place. */
static enum cg_err store(struct publish *p)
{
    const struct cg_origin *origin = p->change->origin;
    int64_t pubtime = origin && origin->pubtime ? origin->pubtime : cg_clock_wall_s();
    struct cg_storage *st = p->ns->st;
    enum cg_err rc = cg_admission_add(&p->line, &p->in.package, pubtime, origin && origin->yanked, p->err);

    if (rc != CG_OK)
        return rc;
    /* No line refers to such a file, as has just been checked; one that is there was left by a crash. */
    rc = st->ops->crate_commit(st, &p->in.upload, p->metadata.name, p->metadata.version, true, p->err);
    if (rc == CG_OK)
        rc = cg_admission_write(&p->line, p->err);
    if (rc != CG_OK)
        return rc;
    note_yank(p);
    cg_metric_add(CG_METRIC_PUBLISHES, 1);
    return CG_OK;
}

static enum cg_err commit_locked(struct publish *p)
{
    enum cg_err rc = cg_namespace_refresh(p->ns, p->err);

    if (rc == CG_OK)
        rc = decide(p); /* what was a new name may have become somebody's meanwhile */
    if (rc == CG_OK)
        rc = cg_admission_place(&p->line, p->in.cksum, &p->change->unchanged, p->err);
    if (rc == CG_OK && !p->change->unchanged)
        rc = store(p);
    if (rc == CG_OK)
        cg_admission_derive(&p->line, &p->in.package, p->in.size, cg_identity_name(p->change->caller->who));
    return rc;
}

static enum cg_err commit(struct publish *p)
{
    struct cg_storage *st = p->ns->st;
    enum cg_err rc = st->ops->lock(st, p->err);

    if (rc != CG_OK)
        return rc;
    rc = commit_locked(p);
    st->ops->unlock(st);
    return rc;
}

/* What cargo shows after a success. */

static void warn_dependency(struct publish *p, const struct cg_dep *dep)
{
    char index_name[CG_CRATE_NAME_MAX + 1], twin[CG_CRATE_NAME_MAX + 1];

    if (strcmp(dep->req, "*") == 0)
        cg_warn(&p->warnings, "the dependency `%s` takes any version (\"*\"), also ones that do not work with it",
                dep->alias);
    if (dep->registry || !cg_index_name(dep->package, index_name) || cg_index_memory_has(p->ns->mem, index_name))
        return;
    if (cg_index_memory_folded(p->ns->mem, dep->package, twin))
        cg_warn(&p->warnings, "the dependency `%s` does not exist in namespace \"%s\"; there is a `%s`", dep->package,
                p->ns->name, twin);
    else
        cg_warn(&p->warnings,
                "the dependency `%s` does not exist in namespace \"%s\" yet; until it does, nobody can "
                "build this crate",
                dep->package, p->ns->name);
}

static void collect_warnings(struct publish *p)
{
    const struct cg_package *package = &p->in.package;

    cg_publish_metadata_compare(&p->metadata, package, p->conf, p->ns->name, &p->warnings);
    for (size_t i = 0; i < package->dep_count; i++)
        warn_dependency(p, &package->deps[i]);
    if (!cg_package_has_field(package, "description"))
        cg_warn(&p->warnings, "Cargo.toml has no description, which search would show");
    if (!cg_package_has_field(package, "license"))
        cg_warn(&p->warnings, "Cargo.toml names neither a license nor a license-file");
}

static enum cg_err answer(struct publish *p, struct cg_buf *out)
{
    collect_warnings(p);
    cg_buf_addstr(out, "{\"warnings\":{\"invalid_categories\":[],\"invalid_badges\":[],\"other\":[");
    for (char **text = p->warnings; text && *text; text++) {
        if (text != p->warnings)
            cg_buf_addch(out, ',');
        cg_json_quote(out, *text);
    }
    cg_buf_addstr(out, "]}}");
    return cg_answer_check(out, p->err);
}

/* All that follows once name and version are known; `rc` says whether they are. */
static enum cg_err run(struct publish *p, const struct cg_source *body, enum cg_err rc)
{
    struct cg_error no_namespace = {0};
    enum cg_err there = cg_namespace_get(p->reg, p->change->ns, &p->ns, &no_namespace);

    cg_admission_init(&p->line, p->ns);
    if (rc == CG_OK)
        rc = decide(p);
    if (rc == CG_OK && there != CG_OK)
        rc = cg_error_set(p->err, there, "%s", no_namespace.detail);
    if (rc == CG_OK)
        rc = take_in(p, body);
    if (rc != CG_OK)
        return rc;
    cg_admission_name(&p->line, p->metadata.name, p->metadata.version);
    rc = stage(p);
    return rc == CG_OK ? commit(p) : rc;
}

static void release(struct publish *p)
{
    cg_intake_free(&p->in);
    cg_strlist_free(&p->warnings);
    cg_publish_metadata_free(&p->metadata);
    cg_admission_free(&p->line);
}

enum cg_err cg_registry_publish(struct cg_registry *reg, struct cg_change *change, const struct cg_source *body,
                                struct cg_buf *out, struct cg_error *err)
{
    struct publish p = {.reg = reg, .change = change, .conf = cg_policy_conf(change->policy), .err = err};
    enum cg_err rc = run(&p, body, read_metadata(&p, body));

    if (rc == CG_OK)
        rc = answer(&p, out);
    release(&p);
    return rc;
}

enum cg_err cg_registry_deploy(struct cg_registry *reg, struct cg_change *change, const struct cg_coordinates *as,
                               const struct cg_source *body, struct cg_error *err)
{
    struct publish p = {.reg = reg, .change = change, .conf = cg_policy_conf(change->policy), .err = err};
    enum cg_err rc = cg_publish_metadata_of(as->name, as->version, &p.metadata, err);

    cg_change_name(change, as->name, as->version);
    if (rc == CG_OK)
        rc = cg_frame_bare(body, p.conf->max_crate_size, &p.frame, err);
    rc = run(&p, body, rc);
    release(&p);
    return rc;
}

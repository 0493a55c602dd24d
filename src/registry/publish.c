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
#include "registry/derive.h"
#include "registry/frame.h"
#include "registry/intake.h"
#include "registry/publish_metadata.h"
#include "registry/refuse.h"
#include "registry/registry_url.h"

struct publish {
    struct cg_registry *reg;
    struct cg_change *change;
    const struct cg_conf *conf;
    struct cg_namespace *ns;
    struct cg_publish_metadata metadata;
    struct cg_frame frame;
    struct cg_intake in;
    char index_name[CG_CRATE_NAME_MAX + 1];
    struct cg_buf text; /* the index file, first as it was, then with the new line */
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
    bool exists = p->ns && cg_index_memory_folded(p->ns->mem, p->metadata.name, twin);

    return cg_change_decide(p->reg, p->change, exists ? CG_ACTION_PUBLISH_UPDATE : CG_ACTION_PUBLISH_NEW,
                            p->metadata.name, p->err);
}

/* Naming another namespace of ours takes that its publisher may read it, or a publish would tell who exists. A person's
 * token may be narrowed to this namespace without that changing what its owner may see. */
static enum cg_err check_seen(struct publish *p, const char *url)
{
    char named[CG_NAMESPACE_MAX + 1];
    struct cg_caller caller = *p->change->caller;
    struct cg_question question = {.caller = &caller, .action = CG_ACTION_READ, .namespace_name = named};
    struct cg_decision decision;
    enum cg_err rc;

    if (!url || !cg_registry_url_own(p->conf, url, named) || strcmp(named, p->ns->name) == 0)
        return CG_OK;
    if (cg_identity_kind(caller.who) == CG_IDENTITY_PERSON)
        caller.token = NULL;
    rc = cg_policy_decide(p->change->policy, &question, &decision);
    if (rc == CG_ERR_UNAVAILABLE)
        return cg_error_set(p->err, rc, "%s", decision.reason);
    return rc == CG_OK ? CG_OK : cg_registry_url_unseen(named, p->err);
}

static enum cg_err resolve_registries(struct publish *p)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < p->in.package.dep_count; i++) {
        struct cg_dep *dep = &p->in.package.deps[i];
        char *resolved = NULL;

        /* The policy is asked first: it knows, too, whether "there is none" is known at all. */
        rc = check_seen(p, dep->registry);
        if (rc == CG_OK)
            rc = cg_registry_url_resolve(p->conf, p->ns->name, dep->registry, &resolved, p->err);
        if (rc != CG_OK)
            break;
        free(dep->registry);
        dep->registry = resolved;
    }
    return rc;
}

/* Is a field of Cargo.toml given? A list that is empty is not. */
static bool has_field(const struct cg_package *p, const char *field)
{
    const struct {
        const char *name;
        const char *text;
        char *const *list;
    } fields[] = {{"authors", NULL, p->authors},
                  {"categories", NULL, p->categories},
                  {"description", p->description, NULL},
                  {"documentation", p->documentation, NULL},
                  {"homepage", p->homepage, NULL},
                  {"keywords", NULL, p->keywords},
                  {"license", p->license ? p->license : p->license_file, NULL}, /* a file says it as well */
                  {"license-file", p->license_file, NULL},
                  {"readme", p->readme, NULL},
                  {"repository", p->repository, NULL},
                  {"rust-version", p->rust_version, NULL}};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(fields[i].name, field) == 0)
            return (fields[i].text && *fields[i].text) || (fields[i].list && *fields[i].list);
    return false;
}

static enum cg_err check_required_fields(struct publish *p)
{
    const struct cg_conf_namespace *ns = cg_conf_namespace(p->conf, p->ns->name);

    for (char *const *field = ns ? ns->required_fields : NULL; field && *field; field++)
        if (!has_field(&p->in.package, *field))
            return cg_refuse(p->err, CG_ERR_UNPROCESSABLE, "required-fields",
                             "namespace \"%s\" takes no crate without \"%s\" in its Cargo.toml", p->ns->name, *field);
    return CG_OK;
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
        rc = check_required_fields(p);
    return rc;
}

/* From here on under the storage lock. */

static enum cg_err name_taken(struct publish *p, const char *first)
{
    return cg_refuse(p->err, CG_ERR_CONFLICT, "crate-name-taken",
                     "crate was previously named `%s`: names that differ only in case or in '-' and '_' are one name",
                     first);
}

/* The name as it was first published, of an index file's text; the index name where no line tells. */
static void first_spelling(const struct cg_buf *text, const char *index_name, char out[CG_CRATE_NAME_MAX + 1])
{
    struct cg_index_scan scan;
    struct cg_index_entry entry;

    cg_index_scan_begin(&scan, cg_buf_str(text), text->len);
    strcpy(out, cg_index_scan_next(&scan, &entry) ? entry.name : index_name);
}

/* There is no file of that index name; is there one of a name that folds to the same? */
static enum cg_err check_twin(struct publish *p)
{
    char twin[CG_CRATE_NAME_MAX + 1], first[CG_CRATE_NAME_MAX + 1];
    struct cg_buf text;
    enum cg_err rc;

    if (!cg_index_memory_folded(p->ns->mem, p->metadata.name, twin) || strcmp(twin, p->index_name) == 0)
        return CG_OK;
    rc = cg_namespace_read(p->ns, twin, &text, p->err);
    if (rc == CG_OK || rc == CG_ERR_ABSENT) {
        first_spelling(&text, twin, first);
        rc = name_taken(p, first);
    }
    cg_buf_free(&text);
    return rc;
}

static enum cg_err check_name(struct publish *p)
{
    char first[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = cg_namespace_read(p->ns, p->index_name, &p->text, p->err);

    if (rc == CG_ERR_ABSENT)
        return check_twin(p);
    if (rc != CG_OK)
        return rc;
    first_spelling(&p->text, p->metadata.name, first);
    return strcmp(first, p->metadata.name) == 0 ? CG_OK : name_taken(p, first);
}

/* A version is for ever: the same bytes again change nothing, others are refused. */
static enum cg_err check_version(struct publish *p)
{
    struct cg_index_entry there;
    struct cg_semver version;
    enum cg_err rc = cg_semver_parse(p->metadata.version, &version, p->err);

    CG_ASSERT(rc == CG_OK); /* checked with the metadata */
    if (cg_index_find(cg_buf_str(&p->text), p->text.len, &version, &there, NULL) != CG_OK)
        return CG_OK;
    if (strcmp(there.version, p->metadata.version) != 0)
        return cg_refuse(
            p->err, CG_ERR_CONFLICT, "version-exists",
            "crate `%s` already exists in version `%s`, and build metadata does not make `%s` another one; "
            "publish a new version",
            p->metadata.name, there.version, p->metadata.version);
    if (strcmp(there.cksum, p->in.cksum) != 0)
        return cg_refuse(
            p->err, CG_ERR_CONFLICT, "version-exists",
            "crate version `%s` %s already exists with other content; a version is for ever: publish a new "
            "one",
            p->metadata.name, there.version);
    p->change->unchanged = true;
    return CG_OK;
}

static enum cg_err add_line(struct publish *p)
{
    if (p->text.len && p->text.data[p->text.len - 1] != '\n')
        cg_buf_addch(&p->text, '\n');
    cg_index_line_write(&p->in.package, p->in.cksum, cg_clock_wall_s(), false, &p->text);
    cg_buf_addch(&p->text, '\n');
    if (!cg_buf_failed(&p->text))
        return CG_OK;
    return cg_refuse(p->err, CG_ERR_TOO_LARGE, "index-size",
                     "crate `%s` has so many versions that its index file would exceed %u bytes", p->metadata.name,
                     CG_INDEX_FILE_MAX);
}

/* The line is made first, so that nothing but the medium can fail once the crate is in place. */
static enum cg_err store(struct publish *p)
{
    struct cg_storage *st = p->ns->st;
    enum cg_err rc = add_line(p);

    if (rc != CG_OK)
        return rc;
    /* No line refers to such a file, as has just been checked; one that is there was left by a crash. */
    rc = st->ops->crate_commit(st, &p->in.upload, p->metadata.name, p->metadata.version, true, p->err);
    if (rc == CG_OK)
        rc = cg_namespace_write(p->ns, p->index_name, cg_buf_str(&p->text), p->text.len, p->err);
    if (rc == CG_OK)
        cg_metric_add(CG_METRIC_PUBLISHES, 1);
    return rc;
}

/* The version is published whatever becomes of these rows: they can be made again. After "the same publish again" they
 * may still be missing, from a crash between the line and them. */
static void derive(struct publish *p)
{
    struct cg_facts facts;
    struct cg_error err = {0};
    struct cg_derive derive = {.ns = p->ns,
                               .text = cg_buf_str(&p->text),
                               .len = p->text.len,
                               .facts = &facts,
                               .fact_count = 1,
                               .published_by = cg_identity_name(p->change->caller->who)};

    cg_facts_read(&p->in.package, p->in.size, &facts);
    if (cg_derive_crate(&derive, &err) != CG_OK) {
        cg_log_error(CG_LOG_WARN, "registry", NULL, &err, "namespace=%s crate=%s: the database's rows have to wait",
                     p->ns->name, p->metadata.name);
        cg_derive_doubt(p->ns, p->index_name);
    }
    cg_facts_free(&facts);
}

static enum cg_err commit_locked(struct publish *p)
{
    enum cg_err rc = cg_namespace_refresh(p->ns, p->err);

    if (rc == CG_OK)
        rc = decide(p); /* what was a new name may have become somebody's meanwhile */
    if (rc == CG_OK)
        rc = check_name(p);
    if (rc == CG_OK)
        rc = check_version(p);
    if (rc == CG_OK && !p->change->unchanged)
        rc = store(p);
    if (rc == CG_OK)
        derive(p);
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
    if (!has_field(package, "description"))
        cg_warn(&p->warnings, "Cargo.toml has no description, which search would show");
    if (!has_field(package, "license"))
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

    if (rc == CG_OK && cg_index_name(p->metadata.name, p->index_name))
        rc = decide(p);
    if (rc == CG_OK && there != CG_OK)
        rc = cg_error_set(p->err, there, "%s", no_namespace.detail);
    if (rc == CG_OK)
        rc = take_in(p, body);
    if (rc == CG_OK)
        rc = commit(p);
    return rc;
}

static void release(struct publish *p)
{
    cg_intake_free(&p->in);
    cg_strlist_free(&p->warnings);
    cg_publish_metadata_free(&p->metadata);
    cg_buf_free(&p->text);
}

enum cg_err cg_registry_publish(struct cg_registry *reg, struct cg_change *change, const struct cg_source *body,
                                struct cg_buf *out, struct cg_error *err)
{
    struct publish p = {.reg = reg, .change = change, .conf = cg_policy_conf(change->policy), .err = err};
    enum cg_err rc;

    cg_buf_init(&p.text, CG_INDEX_FILE_MAX);
    rc = run(&p, body, read_metadata(&p, body));
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

    cg_buf_init(&p.text, CG_INDEX_FILE_MAX);
    cg_change_name(change, as->name, as->version);
    if (rc == CG_OK)
        rc = cg_frame_bare(body, p.conf->max_crate_size, &p.frame, err);
    rc = run(&p, body, rc);
    release(&p);
    return rc;
}

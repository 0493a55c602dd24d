/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/admission.h"

#include <string.h>

#include "log/log.h"
#include "registry/derive.h"
#include "registry/refuse.h"

bool cg_package_has_field(const struct cg_package *p, const char *field)
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

enum cg_err cg_admission_fields(const struct cg_conf *conf, const char *ns, const struct cg_package *package,
                                struct cg_error *err)
{
    const struct cg_conf_namespace *wants = cg_conf_namespace(conf, ns);

    for (char *const *field = wants ? wants->required_fields : NULL; field && *field; field++)
        if (!cg_package_has_field(package, *field))
            return cg_refuse(err, CG_ERR_UNPROCESSABLE, "required-fields",
                             "namespace \"%s\" takes no crate without \"%s\" in its Cargo.toml", ns, *field);
    return CG_OK;
}

void cg_admission_init(struct cg_admission *a, struct cg_namespace *ns)
{
    *a = (struct cg_admission){.ns = ns};
    cg_buf_init(&a->text, CG_INDEX_FILE_MAX);
}

void cg_admission_name(struct cg_admission *a, const char *name, const char *version)
{
    bool valid = cg_index_name(name, a->index_name);

    CG_ASSERT(valid);
    a->name = name;
    a->version = version;
}

void cg_admission_free(struct cg_admission *a)
{
    cg_buf_free(&a->text);
}

static enum cg_err name_taken(const char *first, struct cg_error *err)
{
    return cg_refuse(err, CG_ERR_CONFLICT, "crate-name-taken",
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
static enum cg_err check_twin(struct cg_admission *a, struct cg_error *err)
{
    char twin[CG_CRATE_NAME_MAX + 1], first[CG_CRATE_NAME_MAX + 1];
    struct cg_buf text;
    enum cg_err rc;

    if (!cg_index_memory_folded(a->ns->mem, a->name, twin) || strcmp(twin, a->index_name) == 0)
        return CG_OK;
    rc = cg_namespace_read(a->ns, twin, &text, err);
    if (rc == CG_OK || rc == CG_ERR_ABSENT) {
        first_spelling(&text, twin, first);
        rc = name_taken(first, err);
    }
    cg_buf_free(&text);
    return rc;
}

static enum cg_err check_name(struct cg_admission *a, struct cg_error *err)
{
    char first[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = cg_namespace_read(a->ns, a->index_name, &a->text, err);

    if (rc == CG_ERR_ABSENT)
        return check_twin(a, err);
    if (rc != CG_OK)
        return rc;
    first_spelling(&a->text, a->name, first);
    return strcmp(first, a->name) == 0 ? CG_OK : name_taken(first, err);
}

/* A version is for ever: the same bytes again change nothing, others are refused. */
static enum cg_err check_version(struct cg_admission *a, bool *same_out, struct cg_error *err)
{
    struct cg_index_entry there;
    struct cg_semver version;
    enum cg_err rc = cg_semver_parse(a->version, &version, err);

    CG_ASSERT(rc == CG_OK); /* checked with the metadata */
    if (cg_index_find(cg_buf_str(&a->text), a->text.len, &version, &there, NULL) != CG_OK)
        return CG_OK;
    if (strcmp(there.version, a->version) != 0)
        return cg_refuse(
            err, CG_ERR_CONFLICT, "version-exists",
            "crate `%s` already exists in version `%s`, and build metadata does not make `%s` another one; "
            "publish a new version",
            a->name, there.version, a->version);
    if (strcmp(there.cksum, a->cksum) != 0)
        return cg_refuse(
            err, CG_ERR_CONFLICT, "version-exists",
            "crate version `%s` %s already exists with other content; a version is for ever: publish a new "
            "one",
            a->name, there.version);
    *same_out = true;
    return CG_OK;
}

enum cg_err cg_admission_place(struct cg_admission *a, const char *cksum, bool *same_out, struct cg_error *err)
{
    enum cg_err rc;

    strcpy(a->cksum, cksum);
    cg_buf_free(&a->text);
    rc = check_name(a, err);
    return rc == CG_OK ? check_version(a, same_out, err) : rc;
}

enum cg_err cg_admission_add(struct cg_admission *a, const struct cg_package *package, int64_t pubtime, bool yanked,
                             struct cg_error *err)
{
    if (a->text.len && a->text.data[a->text.len - 1] != '\n')
        cg_buf_addch(&a->text, '\n');
    cg_index_line_write(package, a->cksum, pubtime, yanked, &a->text);
    cg_buf_addch(&a->text, '\n');
    a->added = !cg_buf_failed(&a->text);
    if (a->added)
        return CG_OK;
    return cg_refuse(err, CG_ERR_TOO_LARGE, "index-size",
                     "crate `%s` has so many versions that its index file would exceed %u bytes", a->name,
                     CG_INDEX_FILE_MAX);
}

enum cg_err cg_admission_write(struct cg_admission *a, struct cg_error *err)
{
    return cg_namespace_write(a->ns, a->index_name, cg_buf_str(&a->text), a->text.len, err);
}

/* The version is there whatever becomes of these rows: they can be made again. After "the same publish again" they may
 * still be missing, from a crash between the line and them. */
void cg_admission_derive(struct cg_admission *a, const struct cg_package *package, uint64_t size,
                         const char *published_by)
{
    struct cg_facts facts;
    struct cg_error err = {0};
    struct cg_derive derive = {.ns = a->ns,
                               .text = cg_buf_str(&a->text),
                               .len = a->text.len,
                               .facts = &facts,
                               .fact_count = 1,
                               .published_by = published_by};

    cg_facts_read(package, size, &facts);
    if ((a->added ? cg_derive_added(&derive, &err) : cg_derive_crate(&derive, &err)) != CG_OK)
        cg_derive_later(a->ns, a->index_name, &err);
    cg_facts_free(&facts);
}

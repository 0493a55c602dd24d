/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/registry_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "registry/refuse.h"

#define URL_MAX 2000
#define REPOSITORY_MAX 64 /* of a key in Artifactory; no namespace's name is longer */

/* An index URL taken apart, in one spelling: lower-case authority without the default port, path without the slash at
 * its end. */
struct index_url {
    bool sparse;
    char scheme[8];
    char host[256]; /* "user@host:port" as far as there is a user or a port */
    char path[URL_MAX + 1];
};

static const struct {
    const char *name, *port;
    bool http;
} schemes[] = {{"https", ":443", true},
               {"http", ":80", true},
               {"ssh", ":22", false},
               {"git", ":9418", false},
               {"file", "", false}};

static void cut(char *text, const char *suffix)
{
    if (*suffix && cg_str_ends(text, suffix))
        text[strlen(text) - strlen(suffix)] = '\0';
}

/* Reads "scheme://" and says which; -1: none of ours. *rest_out is behind it. */
static int take_scheme(const char *url, const char **rest_out)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].name);
        if (cg_str_starts_nocase(url, schemes[i].name) && cg_str_starts(url + len, "://")) {
            *rest_out = url + len + 3;
            return (int)i;
        }
    }
    return -1;
}

/* Dot and empty segments, escapes and queries are other ways to spell a path; cargo resolves some of them. Nobody
 * needs them in the address of an index. */
static bool is_plain_path(const char *path)
{
    if (strpbrk(path, "?#%\\ \"<>") || strstr(path, "//"))
        return false;
    for (const char *at = path; *at; at++) {
        size_t dots = *at == '/' ? strspn(at + 1, ".") : 0;
        if ((dots == 1 || dots == 2) && (at[dots + 1] == '/' || at[dots + 1] == '\0'))
            return false;
        if ((unsigned char)*at < 0x21 || *at == 0x7f)
            return false;
    }
    return true;
}

static bool is_authority(const char *host, bool http)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_[]:@";
    return strspn(host, allowed) == strlen(host) && !(http && (strchr(host, '@') || !*host));
}

static bool parse(const char *url, struct index_url *out)
{
    struct index_url u = {0};
    const char *rest = url;
    if (strnlen(url, URL_MAX + 1) > URL_MAX)
        return false;
    u.sparse = cg_str_starts_nocase(url, "sparse+");
    if (u.sparse || cg_str_starts_nocase(url, "registry+"))
        rest = strchr(url, '+') + 1;
    int scheme = take_scheme(rest, &rest);
    size_t host_len = strcspn(rest, "/?#");
    if (scheme < 0 || (u.sparse && !schemes[scheme].http) || host_len >= sizeof u.host)
        return false;
    memcpy(u.host, rest, host_len);
    cg_str_lower(u.host);
    cut(u.host, schemes[scheme].port);
    strcpy(u.scheme, schemes[scheme].name);
    strcpy(u.path, rest + host_len); /* not longer than the URL */
    if (!is_authority(u.host, schemes[scheme].http) || !is_plain_path(u.path))
        return false;
    cut(u.path, "/");
    if (!u.sparse)
        cut(u.path, ".git");
    *out = u;
    return true;
}

/* The same host, whichever of http and https is spoken. */
static bool same_host(const struct index_url *a, const struct index_url *b)
{
    return strcmp(a->host, b->host) == 0 && cg_str_starts(a->scheme, "http") && cg_str_starts(b->scheme, "http");
}

static bool same(const struct index_url *a, const struct index_url *b)
{
    return a->sparse == b->sparse && strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 &&
           strcmp(a->path, b->path) == 0;
}

static bool is_crates_io(const struct index_url *u)
{
    if (!cg_str_starts(u->scheme, "http"))
        return false;
    if (strcmp(u->host, "index.crates.io") == 0)
        return *u->path == '\0';
    return strcmp(u->host, "github.com") == 0 && cg_streq_nocase(u->path, "/rust-lang/crates.io-index");
}

bool cg_registry_url_same(const char *index, const char *url)
{
    struct index_url a, b;

    if (!parse(index, &a) || !parse(url ? url : CG_CRATES_IO_INDEX, &b))
        return false;
    return same(&a, &b) || (is_crates_io(&a) && is_crates_io(&b));
}

/* What "/api/cargo/KEY/index" or "/git/KEY" names: a namespace of ours or a repository of Artifactory. */
static bool tail_key(const char *path, char key[REPOSITORY_MAX + 1])
{
    const char *start = NULL, *end = NULL;
    if (cg_str_starts(path, "/api/cargo/")) {
        start = path + strlen("/api/cargo/");
        end = strchr(start, '/');
        if (!end || strcmp(end, "/index") != 0)
            return false;
    } else if (cg_str_starts(path, "/git/")) {
        start = path + strlen("/git/");
        end = start + strlen(start);
    }
    if (!start || end == start || (size_t)(end - start) > REPOSITORY_MAX)
        return false;
    memcpy(key, start, (size_t)(end - start));
    key[end - start] = '\0';
    cut(key, ".git");
    return true;
}

/* The key behind any of the paths that a gateway or an Artifactory at `base_url` answers to. */
static bool key_below(const char *base_url, const struct index_url *u, char key[REPOSITORY_MAX + 1])
{
    struct index_url base;
    if (!parse(base_url, &base) || !same_host(&base, u))
        return false;
    const char *const contexts[] = {"", "/artifactory", base.path};
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
        if (cg_str_starts(u->path, contexts[i]) && tail_key(u->path + strlen(contexts[i]), key))
            return true;
    return false;
}

/* The namespace whose crates are in that repository (of that instance; NULL: of any): `ns` itself when it is one of
 * several, else the only one there is. */
static const char *fronted_by(const struct cg_conf *conf, const char *ns, const char *instance, const char *repository)
{
    const char *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < conf->namespace_count; i++) {
        const struct cg_conf_namespace *space = &conf->namespaces[i];
        if (space->storage != CG_STORAGE_ARTIFACTORY || strcmp(space->repository, repository) != 0 ||
            (instance && strcmp(space->artifactory, instance) != 0))
            continue;
        if (strcmp(space->name, ns) == 0)
            return space->name;
        found = space->name;
        count++;
    }
    return count == 1 ? found : NULL;
}

/* A repository of Artifactory whose crates are a namespace of ours. */
static const char *fronted_namespace(const struct cg_conf *conf, const char *ns, const struct index_url *u)
{
    char key[REPOSITORY_MAX + 1];
    const char *found = NULL;
    for (size_t i = 0; !found && i < conf->artifactory_count; i++)
        if (key_below(conf->artifactories[i].url, u, key))
            found = fronted_by(conf, ns, conf->artifactories[i].name, key);
    return found;
}

/* Is it an index of this gateway, under any path it answers to, or, with `ns`, of a repository that it has taken the place
 * of? Then which namespace's. */
static bool own_namespace(const struct cg_conf *conf, const char *ns, const struct index_url *u,
                          char named[CG_NAMESPACE_MAX + 1])
{
    char key[REPOSITORY_MAX + 1];
    const char *found = NULL;
    if (key_below(conf->public_url, u, key)) {
        if (ns && !cg_conf_namespace(conf, key))
            found = fronted_by(conf, ns, NULL, key);
        if (!found && !cg_namespace_valid(key))
            return false;
        found = found ? found : key;
    } else if (ns) {
        found = fronted_namespace(conf, ns, u);
    }
    if (found)
        strcpy(named, found);
    return found != NULL;
}

static enum cg_err resolve_own(const struct cg_conf *conf, const char *ns, const char *named, char **out,
                               struct cg_error *err)
{
    if (strcmp(named, ns) == 0)
        *out = NULL;
    else if (cg_conf_namespace(conf, named))
        *out = cg_asprintf("sparse+%s/api/cargo/%s/index/", conf->public_url, named);
    else
        return cg_registry_url_unseen(named, err);
    return CG_OK;
}

enum cg_err cg_registry_url_unseen(const char *named, struct cg_error *err)
{
    return cg_refuse(err, CG_ERR_DENIED, "dependency-registry",
                     "a dependency names namespace \"%s\", which does not exist here or which you may not read", named);
}

bool cg_registry_url_own(const struct cg_conf *conf, const char *ns, const char *url,
                         char named_out[CG_NAMESPACE_MAX + 1])
{
    struct index_url u;

    return parse(url, &u) && own_namespace(conf, ns, &u, named_out);
}

/* The configured spelling of an allowed registry, as cargo wants it; NULL when it is not allowed. */
static char *allowed_spelling(const struct cg_conf_namespace *ns, const struct index_url *u)
{
    struct index_url allowed;
    char **list = ns ? ns->allowed_registries : NULL;
    for (size_t i = 0; list && list[i]; i++)
        if (parse(list[i], &allowed) && same(&allowed, u))
            return cg_asprintf("%s%s", list[i], allowed.sparse && !cg_str_ends(list[i], "/") ? "/" : "");
    return NULL;
}

/* `fronts`: the namespace for whose crates repositories stand for namespaces; NULL: for nobody's. */
static enum cg_err resolve(const struct cg_conf *conf, const char *ns, const char *fronts, const char *url, char **out,
                           struct cg_error *err)
{
    struct index_url u;
    char named[CG_NAMESPACE_MAX + 1];
    if (url && !parse(url, &u))
        return cg_refuse(err, CG_ERR_INVALID, "dependency-registry",
                         "a dependency's registry \"%.300s\" is not the URL of an index", url);
    if (!url || is_crates_io(&u)) {
        *out = cg_strdup(CG_CRATES_IO_INDEX);
        return CG_OK;
    }
    if (own_namespace(conf, fronts, &u, named))
        return resolve_own(conf, ns, named, out, err);
    char *spelling = allowed_spelling(cg_conf_namespace(conf, ns), &u);
    if (!spelling)
        return cg_refuse(err, CG_ERR_DENIED, "dependency-registry",
                         "dependencies from \"%.300s\" are not allowed in namespace \"%s\"; its administrator can list "
                         "that registry in allowed_registries",
                         url, ns);
    *out = spelling;
    return CG_OK;
}

enum cg_err cg_registry_url_resolve(const struct cg_conf *conf, const char *ns, const char *url, char **out,
                                    struct cg_error *err)
{
    return resolve(conf, ns, ns, url, out, err);
}

enum cg_err cg_registry_url_resolve_literally(const struct cg_conf *conf, const char *ns, const char *url, char **out,
                                              struct cg_error *err)
{
    return resolve(conf, ns, NULL, url, out, err);
}

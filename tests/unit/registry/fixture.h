/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A registry for one test: three namespaces, a policy with some people, crates
 * made to measure. Storage and database are either the fakes, which can be
 * broken, or the real drivers in a temporary folder, which outlive a restart.
 */
#ifndef CG_TESTS_REGISTRY_FIXTURE_H
#define CG_TESTS_REGISTRY_FIXTURE_H

#include <jansson.h>

#include "base/buf.h"
#include "registry/registry.h"

enum { FX_REAL_STORAGE = 1, FX_REAL_DATABASE = 2 };

struct fx {
    int drivers;
    char *dir;
    struct cg_conf *conf;
    struct cg_directory *people;
    struct cg_policy *policy;
    struct cg_metadata *md;
    struct cg_registry *reg;
    struct cg_storage *st; /* of payments; the registry's */
    /* Publishers of payments: paula, alice. Reader: olga. Admin: root. nora may nothing there. */
    struct cg_identity *paula, *alice, *olga, *root, *nora, *anonymous;
    struct cg_caller caller; /* who asks: paula unless changed */
    struct cg_change change; /* the last one */
    struct cg_buf out;       /* the last answer */
    struct cg_error err;
    /* what the last publish sent */
    struct cg_buf crate, body;
};

/* cmocka's; with the fakes, and with the real drivers. */
int fx_setup(void **state);
int fx_setup_real(void **state);
int fx_setup_real_database(void **state);
int fx_teardown(void **state);

/* Ends the registry and opens it again. Real storage only: the fake's content goes with it. */
void fx_restart(struct fx *f);
/* A configuration with `extra` appended. */
struct cg_conf *fx_conf(struct fx *f, const char *extra);
enum cg_err fx_factory(const struct cg_conf *conf, const struct cg_conf_namespace *ns, struct cg_storage **st_out,
                       struct cg_error *err);
/* The next storage the factory should make is UNAVAILABLE. */
void fx_factory_fails(bool fails);

/* A .crate: [package] with name, version, description and license, then `toml`; and one more file unless NULL. */
void fx_crate(struct cg_buf *out, const char *name, const char *version, const char *toml, const char *file,
              const char *content);
/* The same with all of Cargo.toml given. */
void fx_crate_raw(struct cg_buf *out, const char *root, const char *manifest, const char *file, const char *content);
void fx_frame(struct cg_buf *out, const char *json, const struct cg_buf *crate);

/* Publishes to payments as f->caller. `json` is put behind name and vers: ",\"deps\":[]"; both may be NULL. */
enum cg_err fx_publish(struct fx *f, const char *name, const char *version, const char *toml, const char *json);
/* Publishes f->body, or what is given, as it is. */
enum cg_err fx_publish_body(struct fx *f, const char *ns, const struct cg_buf *body);
enum cg_err fx_yank(struct fx *f, const char *name, const char *version, bool yanked);
struct cg_source fx_source(const struct cg_buf *body);

/* The last answer as JSON; decref it. Fails the test when it is none. */
json_t *fx_json(struct fx *f);
/* The index file as the storage has it, or as the registry serves it; free() it, NULL when there is none. */
char *fx_stored_index(struct fx *f, const char *index_name);
char *fx_served_index(struct fx *f, const char *path);
/* Fails the test with what went wrong. */
#define fx_ok(f, call) fx_check((f), (call), #call, __LINE__)
void fx_check(struct fx *f, enum cg_err rc, const char *what, int line);
/* That code, and a detail with that text. */
#define fx_refused(f, call, code, text) fx_check_refused((f), (call), (code), (text), __LINE__)
void fx_check_refused(struct fx *f, enum cg_err rc, enum cg_err code, const char *text, int line);

#endif

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What every metadata driver does. A driver joins by a line in `drivers`. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "temp_dir.h"
#include "base/buf.h"
#include "base/mem.h"
#include "crategate/metadata.h"
#include "metadata/sqlite/sqlite_metadata.h"

struct driver {
    const char *name;
    /* Opens the database that lives in `dir`; called twice, it gives two views of the same. */
    enum cg_err (*open)(const char *dir, struct cg_metadata **md_out, struct cg_error *err);
};

static enum cg_err open_sqlite(const char *dir, struct cg_metadata **md_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/crategate.db", dir);
    enum cg_err rc = cg_sqlite_metadata_new(path, md_out, err);

    free(path);
    return rc;
}

static const struct driver drivers[] = {
    {"sqlite", open_sqlite},
};

static const struct driver *driver;

struct fixture {
    char *dir;
    struct cg_metadata *md;
    const struct cg_metadata_ops *ops;
    struct cg_buf text; /* what visitors saw */
    int count;
    int stop_at;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    f->dir = cg_temp_dir_new();
    assert_int_equal(driver->open(f->dir, &f->md, NULL), CG_OK);
    f->ops = f->md->ops;
    cg_buf_init(&f->text, 1 << 16);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    cg_temp_dir_free(&f->dir);
    cg_buf_free(&f->text);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    cg_metadata_free(&f->md);
    assert_null(f->md);
    assert_int_equal(driver->open(f->dir, &f->md, NULL), CG_OK);
}

static void forget(struct fixture *f)
{
    cg_buf_reset(&f->text);
    f->count = 0;
    f->stop_at = 0;
}

static enum cg_err seen(struct fixture *f)
{
    return ++f->count == f->stop_at ? CG_ERR_THROTTLED : CG_OK;
}

static void assert_text(struct fixture *f, const char *expected)
{
    assert_string_equal(cg_buf_str(&f->text), expected);
    forget(f);
}

static int64_t generation(struct fixture *f, const char *what)
{
    int64_t value = -1;

    assert_int_equal(f->ops->generation(f->md, what, &value, NULL), CG_OK);
    return value;
}

/* Tokens */

static struct cg_token *make_token(unsigned char seed, const char *name)
{
    struct cg_token *t = cg_token_new();

    memset(t->digest, seed, sizeof(t->digest));
    t->name = cg_strdup(name);
    t->owner_id = cg_strdup("uuid-alice");
    t->owner_name = cg_strdup("alice");
    t->created_at = 1000;
    t->expires_at = 2000;
    t->actions = CG_ACTION_ALL;
    return t;
}

static enum cg_err insert(struct fixture *f, struct cg_token *t, int64_t *id_out)
{
    enum cg_err rc = f->ops->token_insert(f->md, t, id_out, NULL);

    cg_token_unref(&t);
    return rc;
}

static enum cg_err see_token(void *cls, struct cg_token *t)
{
    struct fixture *f = cls;
    char *crates = cg_strlist_join(t->crates, "+");
    char *namespaces = cg_strlist_join(t->namespaces, "+");
    char *grants = cg_strlist_join(t->grants, "+");

    cg_buf_addf(&f->text, "%s,%d,%s,%s,%d,%d,%d,%x,%d,%s%s,%s%s,%s%s%s;", t->name, t->kind, t->owner_id, t->owner_name,
                (int)t->created_at, (int)t->expires_at, (int)t->last_used_at, t->actions, t->digest[31],
                t->crates ? "" : "any", crates, t->namespaces ? "" : "any", namespaces, t->grants ? "" : "none",
                grants, t->group ? t->group : "");
    free(crates);
    free(namespaces);
    free(grants);
    return seen(f);
}

static void see_tokens(struct fixture *f, enum cg_err expected)
{
    assert_int_equal(f->ops->token_each(f->md, see_token, f, NULL), expected);
}

static void token_reads_back_as_it_was_stored(void **state)
{
    struct fixture *f = *state;
    struct cg_token *narrow = make_token(2, "it's \"quoted\" \xc3\xbc");
    int64_t first = 0, second = 0;

    narrow->kind = CG_TOKEN_SERVICE;
    narrow->actions = CG_ACTION_YANK;
    narrow->last_used_at = 77;
    narrow->crates = cg_strlist_split("pay-*,core");
    narrow->namespaces = cg_strlist_split("payments");
    narrow->grants = cg_strlist_split("payments:publish,all:read");
    narrow->group = cg_strdup("/cn=a,dc=b");
    assert_int_equal(insert(f, make_token(1, "ci"), &first), CG_OK);
    assert_int_equal(insert(f, narrow, &second), CG_OK);
    assert_true(first > 0 && second > first);
    reopen(f);
    see_tokens(f, CG_OK);
    assert_text(f, "ci,0,uuid-alice,alice,1000,2000,0,1f,1,any,any,none;"
                   "it's \"quoted\" \xc3\xbc,1,uuid-alice,alice,1000,2000,77,8,2,pay-*+core,payments,"
                   "payments:publish+all:read/cn=a,dc=b;");
}

static struct cg_token *kept;

static enum cg_err keep_token(void *cls, struct cg_token *t)
{
    (void)cls;
    kept = cg_token_ref(t);
    return CG_OK;
}

static void visitor_may_keep_a_token(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;

    assert_int_equal(insert(f, make_token(1, "ci"), &id), CG_OK);
    assert_int_equal(f->ops->token_each(f->md, keep_token, NULL, NULL), CG_OK);
    cg_metadata_free(&f->md);
    assert_string_equal(kept->name, "ci");
    assert_int_equal(kept->id, id);
    cg_token_unref(&kept);
    assert_int_equal(driver->open(f->dir, &f->md, NULL), CG_OK);
}

static void same_digest_is_a_conflict_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0, other = -3, before;

    assert_int_equal(insert(f, make_token(1, "one"), &id), CG_OK);
    before = generation(f, "tokens");
    assert_int_equal(insert(f, make_token(1, "two"), &other), CG_ERR_CONFLICT);
    assert_int_equal(other, -3);
    assert_int_equal(generation(f, "tokens"), before);
    see_tokens(f, CG_OK);
    assert_text(f, "one,0,uuid-alice,alice,1000,2000,0,1f,1,any,any,none;");
}

/* It would read back as a token that is not narrowed at all. */
static void token_narrowed_to_nothing_is_never_stored(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 3; i++) {
        struct cg_token *t = make_token(9, "bad");
        char ***list = i == 0 ? &t->crates : i == 1 ? &t->namespaces : &t->grants;
        int64_t id = 0;

        *list = cg_calloc(2, sizeof(char *));
        assert_int_equal(f->ops->token_insert(f->md, t, &id, NULL), CG_ERR_INTERNAL);
        (*list)[0] = cg_strdup("a,b");
        assert_int_equal(f->ops->token_insert(f->md, t, &id, NULL), CG_ERR_INTERNAL);
        (*list)[0][0] = '\0';
        assert_int_equal(insert(f, t, &id), CG_ERR_INTERNAL);
    }
    see_tokens(f, CG_OK);
    assert_text(f, "");
}

static void deleted_token_is_gone_and_its_id_never_comes_back(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0, next = 0;

    assert_int_equal(f->ops->token_delete(f->md, 1, NULL), CG_ERR_ABSENT);
    assert_int_equal(insert(f, make_token(1, "one"), &id), CG_OK);
    assert_int_equal(f->ops->token_delete(f->md, id, NULL), CG_OK);
    assert_int_equal(f->ops->token_delete(f->md, id, NULL), CG_ERR_ABSENT);
    see_tokens(f, CG_OK);
    assert_text(f, "");
    reopen(f);
    assert_int_equal(insert(f, make_token(1, "one"), &next), CG_OK);
    assert_true(next > id);
}

static void touch_moves_last_use_forward_only(void **state)
{
    struct fixture *f = *state;
    int64_t ids[3] = {0, 0, 999}, times[3] = {50, 60, 70};

    assert_int_equal(insert(f, make_token(1, "a"), &ids[0]), CG_OK);
    assert_int_equal(insert(f, make_token(2, "b"), &ids[1]), CG_OK);
    assert_int_equal(f->ops->token_touch(f->md, ids, times, 3, NULL), CG_OK);
    times[0] = 40;
    times[1] = 65;
    assert_int_equal(f->ops->token_touch(f->md, ids, times, 2, NULL), CG_OK);
    assert_int_equal(f->ops->token_touch(f->md, NULL, NULL, 0, NULL), CG_OK);
    see_tokens(f, CG_OK);
    assert_text(f, "a,0,uuid-alice,alice,1000,2000,50,1f,1,any,any,none;"
                   "b,0,uuid-alice,alice,1000,2000,65,1f,2,any,any,none;");
}

/* Generations */

/* Verdicts */

static enum cg_err see_subject(void *cls, const struct cg_subject_row *r)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s,%d,%d,%d,%d,%s,%d;", r->id, r->verdict, (int)r->asked_at, (int)r->gone_since,
                (int)r->suspended_at, r->identity, r->mac[31]);
    return seen(f);
}

static void verdicts_replace_each_other_and_go_by_id(void **state)
{
    struct fixture *f = *state;
    struct cg_subject_row rows[] = {{"id-1", 1, 10, 0, 0, "{\"name\":\"\xc3\xbc\"}", {0}},
                                    {"group:cn=a", 2, 20, 21, 22, "", {0}}};
    const char *const gone[] = {"id-1", "never-there"};

    memset(rows[0].mac, 7, sizeof(rows[0].mac));
    assert_int_equal(f->ops->subject_put(f->md, rows, 2, NULL), CG_OK);
    rows[1].verdict = 1;
    rows[1].gone_since = rows[1].suspended_at = 0;
    memset(rows[1].mac, 8, sizeof(rows[1].mac));
    assert_int_equal(f->ops->subject_put(f->md, &rows[1], 1, NULL), CG_OK);
    reopen(f);
    assert_int_equal(f->ops->subject_each(f->md, see_subject, f, NULL), CG_OK);
    assert_text(f, "id-1,1,10,0,0,{\"name\":\"\xc3\xbc\"},7;group:cn=a,1,20,0,0,,8;");
    assert_int_equal(f->ops->subject_delete(f->md, gone, 2, NULL), CG_OK);
    f->stop_at = 1;
    assert_int_equal(f->ops->subject_each(f->md, see_subject, f, NULL), CG_ERR_THROTTLED);
    assert_text(f, "group:cn=a,1,20,0,0,,8;");
    assert_int_equal(f->ops->subject_put(f->md, NULL, 0, NULL), CG_OK);
}

static void generations_grow_with_what_they_watch_and_for_other_openers(void **state)
{
    struct fixture *f = *state;
    struct cg_owner owner = {.kind = CG_OWNER_USER, .login = (char[]){"alice"}, .subject = (char[]){"u1"}};
    struct cg_metadata *other = NULL;
    int64_t id = 0, seen_there = 0;

    assert_int_equal(generation(f, "tokens"), 0);
    assert_int_equal(generation(f, "index"), 0);
    assert_int_equal(driver->open(f->dir, &other, NULL), CG_OK);
    assert_int_equal(insert(f, make_token(1, "one"), &id), CG_OK);
    assert_int_equal(generation(f, "tokens"), 1);
    assert_int_equal(f->ops->token_delete(f->md, id, NULL), CG_OK);
    assert_int_equal(generation(f, "tokens"), 2);
    assert_int_equal(f->ops->token_delete(f->md, id, NULL), CG_ERR_ABSENT);
    assert_int_equal(generation(f, "tokens"), 2);
    assert_int_equal(f->ops->owner_add(f->md, "ns", "foo", &owner, NULL), CG_OK);
    assert_int_equal(f->ops->owner_remove(f->md, "ns", "foo", "alice", NULL), CG_OK);
    assert_int_equal(generation(f, "owners"), 2);
    assert_int_equal(f->ops->owner_remove(f->md, "ns", "foo", "alice", NULL), CG_ERR_ABSENT);
    assert_int_equal(generation(f, "owners"), 2);
    assert_int_equal(f->ops->generation_bump(f->md, "index", NULL), CG_OK);
    assert_int_equal(other->ops->generation(other, "index", &seen_there, NULL), CG_OK);
    assert_int_equal(seen_there, 1);
    assert_int_equal(other->ops->generation(other, "tokens", &seen_there, NULL), CG_OK);
    assert_int_equal(seen_there, 2);
    cg_metadata_free(&other);
}

/* Owners */

static enum cg_err see_owner(void *cls, const struct cg_owner *owner)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s%s=%s;", owner->kind == CG_OWNER_GROUP ? "@" : "", owner->login, owner->subject);
    return seen(f);
}

static enum cg_err see_owner_id(void *cls, const struct cg_owner *owner)
{
    *(uint32_t *)cls = owner->id;
    return CG_OK;
}

static void add_owner(struct fixture *f, const char *ns, const char *crate, enum cg_owner_kind kind, const char *login,
                      const char *subject)
{
    struct cg_owner owner = {.kind = kind, .login = cg_strdup(login), .subject = cg_strdup(subject)};

    assert_int_equal(f->ops->owner_add(f->md, ns, crate, &owner, NULL), CG_OK);
    free(owner.login);
    free(owner.subject);
}

static void see_owners(struct fixture *f, const char *ns, const char *crate, const char *expected)
{
    assert_int_equal(f->ops->owner_each(f->md, ns, crate, see_owner, f, NULL), CG_OK);
    assert_text(f, expected);
}

static enum cg_err count_owner(void *cls, const struct cg_owner *owner)
{
    (void)owner;
    ++*(int *)cls;
    return CG_OK;
}

static int count_owners(struct fixture *f, const char *ns, const char *crate)
{
    int count = 0;

    assert_int_equal(f->ops->owner_each(f->md, ns, crate, count_owner, &count, NULL), CG_OK);
    return count;
}

static uint32_t owner_id(struct fixture *f)
{
    uint32_t id = 0;

    assert_int_equal(f->ops->owner_each(f->md, "ns", "foo", see_owner_id, &id, NULL), CG_OK);
    return id;
}

static void owners_belong_to_one_crate_of_one_namespace(void **state)
{
    struct fixture *f = *state;

    see_owners(f, "ns", "foo", "");
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    add_owner(f, "ns", "foo", CG_OWNER_GROUP, "group:payments", "cn=payments,dc=x");
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1"); /* again */
    add_owner(f, "other", "foo", CG_OWNER_USER, "bob", "u2");
    see_owners(f, "ns", "foo", "alice=u1;@group:payments=cn=payments,dc=x;");
    see_owners(f, "other", "foo", "bob=u2;");
    add_owner(f, "ns", "zzz", CG_OWNER_USER, "alice", "u1");
    see_owners(f, "other", NULL, "bob=u2;");
    assert_int_equal(count_owners(f, "ns", NULL), 2); /* each subject once */
    see_owners(f, "ns", "bar", "");
    assert_int_equal(f->ops->owner_remove(f->md, "ns", "foo", "bob", NULL), CG_ERR_ABSENT);
    assert_int_equal(f->ops->owner_remove(f->md, "ns", "foo", "alice", NULL), CG_OK);
    see_owners(f, "ns", "foo", "@group:payments=cn=payments,dc=x;");
    f->stop_at = 1;
    assert_int_equal(f->ops->owner_each(f->md, "other", "foo", see_owner, f, NULL), CG_ERR_THROTTLED);
}

static void owner_keeps_the_id_through_removal_and_return(void **state)
{
    struct fixture *f = *state;
    uint32_t id;

    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    id = owner_id(f);
    assert_true(id > 0);
    assert_int_equal(f->ops->owner_remove(f->md, "ns", "foo", "alice", NULL), CG_OK);
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    assert_int_equal(owner_id(f), id);
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice.smith", "u1"); /* the same person renamed */
    assert_int_equal(owner_id(f), id);
    see_owners(f, "ns", "foo", "alice.smith=u1;");
}

/* A login given to somebody new is not shared with who had it before. */
static void new_subject_of_a_login_takes_its_place(void **state)
{
    struct fixture *f = *state;
    uint32_t before;

    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    before = owner_id(f);
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u2");
    see_owners(f, "ns", "foo", "alice=u2;");
    assert_int_not_equal(owner_id(f), before);
}

/* Crates */

static struct cg_crate_summary summary_of(const char *crate, const char *name, const char *description)
{
    return (struct cg_crate_summary){
        .namespace_name = "ns",
        .crate = crate,
        .name = name,
        .max_version = "1.0.0",
        .max_stable_version = "1.0.0",
        .description = description,
        .keywords = "",
        .categories = "c1 c2",
        .homepage = "https://h",
        .documentation = "https://d",
        .repository = "https://r",
        .created_at = 10,
        .updated_at = 20,
    };
}

static void put_crate(struct fixture *f, const char *crate, const char *name, const char *description)
{
    struct cg_crate_summary s = summary_of(crate, name, description);

    assert_int_equal(f->ops->crate_put(f->md, &s, NULL), CG_OK);
}

static enum cg_err see_name(void *cls, const struct cg_crate_summary *s)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s;", s->name);
    return seen(f);
}

static enum cg_err see_summary(void *cls, const struct cg_crate_summary *s)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s %s %s %s %s|%s|%s|%s|%s|%s|%s|%d %d %d;", s->namespace_name, s->crate, s->name,
                s->max_version, s->max_stable_version, s->description, s->keywords, s->categories, s->homepage,
                s->documentation, s->repository, (int)s->created_at, (int)s->updated_at, (int)s->downloads);
    return seen(f);
}

static void crate_summary_reads_back_and_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_summary s = summary_of("serde-json", "Serde_JSON", "it's");

    assert_int_equal(f->ops->crate_get(f->md, "ns", "serde-json", see_summary, f, NULL), CG_ERR_ABSENT);
    assert_int_equal(f->count, 0);
    assert_int_equal(f->ops->crate_put(f->md, &s, NULL), CG_OK);
    s.max_version = "2.0.0-rc.1";
    s.max_stable_version = "";
    s.keywords = "json fast";
    s.description = NULL; /* reads back as "" */
    s.updated_at = 30;
    assert_int_equal(f->ops->crate_put(f->md, &s, NULL), CG_OK);
    assert_int_equal(f->ops->crate_get(f->md, "ns", "serde-json", see_summary, f, NULL), CG_OK);
    assert_text(f, "ns serde-json Serde_JSON 2.0.0-rc.1 ||json fast|c1 c2|https://h|https://d|https://r|10 30 0;");
    assert_int_equal(f->ops->crate_get(f->md, "other", "serde-json", see_summary, f, NULL), CG_ERR_ABSENT);
    f->stop_at = 1;
    assert_int_equal(f->ops->crate_get(f->md, "ns", "serde-json", see_summary, f, NULL), CG_ERR_THROTTLED);
}

static enum cg_err see_version(void *cls, const struct cg_version_row *v)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s,%s,%s,%s,%d,%d,%d;", v->version, v->license, v->readme_path, v->published_by,
                (int)v->crate_size, (int)v->published_at, (int)v->downloads);
    return seen(f);
}

static void put_version(struct fixture *f, const char *crate, const char *version, const struct cg_dependency_row *deps,
                        size_t count)
{
    struct cg_version_row row = {.version = version,
                                 .license = "MIT",
                                 .readme_path = "README.md",
                                 .published_by = "alice",
                                 .crate_size = 123,
                                 .published_at = 456};

    assert_int_equal(f->ops->version_put(f->md, "ns", crate, &row, deps, count, NULL), CG_OK);
}

static void versions_come_in_order_of_publication(void **state)
{
    struct fixture *f = *state;

    put_version(f, "foo", "1.10.0", NULL, 0);
    put_version(f, "foo", "1.9.0", NULL, 0);
    put_version(f, "foo", "1.9.0+build", NULL, 0);
    put_version(f, "bar", "9.0.0", NULL, 0);
    put_version(f, "foo", "1.10.0", NULL, 0); /* replaced in its place */
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.10.0,MIT,README.md,alice,123,456,0;1.9.0,MIT,README.md,alice,123,456,0;"
                   "1.9.0+build,MIT,README.md,alice,123,456,0;");
    assert_int_equal(f->ops->version_each(f->md, "other", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "");
}

static void a_release_is_its_version_and_the_crate_as_it_is_with_it(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_summary s = summary_of("foo", "Foo", "old");
    struct cg_version_row row = {
        .version = "1.0.0", .license = "MIT", .readme_path = "", .published_by = "bob", .crate_size = 7};
    struct cg_dependency_row dep = {.crate = "bar", .registry = "", .req = "^1", .kind = "normal", .target = ""};
    struct cg_release release = {.crate = &s, .version = &row, .deps = &dep, .dep_count = 1};

    assert_int_equal(f->ops->release_put(f->md, &release, NULL), CG_OK);
    s.description = "new";
    s.max_version = row.version = "2.0.0";
    release.dep_count = 0;
    assert_int_equal(f->ops->release_put(f->md, &release, NULL), CG_OK);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.0.0,MIT,,bob,7,0,0;2.0.0,MIT,,bob,7,0,0;");
    assert_int_equal(f->ops->crate_get(f->md, "ns", "foo", see_summary, f, NULL), CG_OK);
    assert_text(f, "ns foo Foo 2.0.0 1.0.0|new||c1 c2|https://h|https://d|https://r|10 20 0;");
    row.version = "1.0.0"; /* the same again is the same */
    release.dep_count = 1;
    assert_int_equal(f->ops->release_put(f->md, &release, NULL), CG_OK);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.0.0,MIT,,bob,7,0,0;2.0.0,MIT,,bob,7,0,0;");
}

static void downloads_add_up_by_version_and_crate(void **state)
{
    struct fixture *f = *state;
    const struct cg_download_count counts[] = {
        {"ns", "foo", "1.0.0", 3}, {"ns", "foo", "2.0.0", 4}, {"ns", "foo", "1.0.0", 1}, {"other", "foo", "1.0.0", 50}};

    put_crate(f, "foo", "foo", "");
    put_version(f, "foo", "1.0.0", NULL, 0);
    put_version(f, "foo", "2.0.0", NULL, 0);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 4, NULL), CG_OK);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 1, NULL), CG_OK);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.0.0,MIT,README.md,alice,123,456,7;2.0.0,MIT,README.md,alice,123,456,4;");
    assert_int_equal(f->ops->crate_get(f->md, "ns", "foo", see_summary, f, NULL), CG_OK);
    assert_text(f, "ns foo foo 1.0.0 1.0.0|||c1 c2|https://h|https://d|https://r|10 20 11;");
}

static void search(struct fixture *f, const char *query, enum cg_search_sort sort, uint64_t total, const char *expected)
{
    struct cg_search s = {.namespace_name = "ns", .query = query, .sort = sort, .per_page = 100, .page = 1};
    uint64_t found = 9999;

    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &found, NULL), CG_OK);
    assert_int_equal(found, total);
    assert_text(f, expected);
}

static void removed_crate_takes_all_but_owners_along(void **state)
{
    struct fixture *f = *state;
    const struct cg_download_count counts[] = {{"ns", "foo", "1.0.0", 3}};
    const struct cg_dependency_row dep = {.crate = "bar", .registry = "", .kind = "normal"};
    uint64_t total = 0;

    put_crate(f, "foo", "foo", "");
    put_crate(f, "bar", "bar", "");
    put_version(f, "foo", "1.0.0", &dep, 1);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 1, NULL), CG_OK);
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    assert_int_equal(f->ops->crate_remove(f->md, "ns", "foo", NULL), CG_OK);
    assert_int_equal(f->ops->crate_remove(f->md, "ns", "foo", NULL), CG_OK); /* nothing left to remove */
    assert_int_equal(f->ops->crate_get(f->md, "ns", "foo", see_summary, f, NULL), CG_ERR_ABSENT);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "");
    search(f, "foo", CG_SORT_RELEVANCE, 0, "");
    search(f, "", CG_SORT_ALPHA, 1, "bar;");
    see_owners(f, "ns", "foo", "alice=u1;");
    put_crate(f, "foo", "foo", "");
    put_version(f, "foo", "1.0.0", NULL, 0);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.0.0,MIT,README.md,alice,123,456,0;");
    assert_int_equal(f->ops->reverse(f->md, "ns", "bar", 10, 1, NULL, NULL, &total, NULL), CG_OK);
    assert_int_equal(total, 0);
}

static void derived_clear_spares_counts_owners_and_other_namespaces(void **state)
{
    struct fixture *f = *state;
    const struct cg_download_count counts[] = {{"ns", "foo", "1.0.0", 3}};
    struct cg_crate_summary there = summary_of("foo", "foo", "");

    there.namespace_name = "other";
    put_crate(f, "foo", "foo", "");
    put_version(f, "foo", "1.0.0", NULL, 0);
    add_owner(f, "ns", "foo", CG_OWNER_USER, "alice", "u1");
    assert_int_equal(f->ops->crate_put(f->md, &there, NULL), CG_OK);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 1, NULL), CG_OK);
    assert_int_equal(f->ops->derived_clear(f->md, "ns", NULL), CG_OK);
    search(f, "foo", CG_SORT_RELEVANCE, 0, "");
    search(f, "", CG_SORT_RELEVANCE, 0, "");
    assert_int_equal(f->ops->crate_get(f->md, "other", "foo", see_name, f, NULL), CG_OK);
    assert_text(f, "foo;");
    see_owners(f, "ns", "foo", "alice=u1;");
    put_crate(f, "foo", "foo", "");
    put_version(f, "foo", "1.0.0", NULL, 0);
    assert_int_equal(f->ops->version_each(f->md, "ns", "foo", see_version, f, NULL), CG_OK);
    assert_text(f, "1.0.0,MIT,README.md,alice,123,456,3;");
    search(f, "foo", CG_SORT_RELEVANCE, 1, "foo;");
}

/* Search */

static void put_many(struct fixture *f)
{
    struct cg_crate_summary json = summary_of("serde-json", "serde_json", "JSON for serde");

    put_crate(f, "serde-derive", "serde_derive", "macros");
    json.keywords = "fast parser";
    json.created_at = 99;
    assert_int_equal(f->ops->crate_put(f->md, &json, NULL), CG_OK);
    put_crate(f, "serde", "serde", "serialisation framework");
    put_crate(f, "zserde", "zserde", "something else about serde serde serde");
    put_crate(f, "tokio", "Tokio", "caf\xc3\xa9 runtime");
}

static void exact_name_comes_first_then_names_that_begin_so(void **state)
{
    struct fixture *f = *state;
    struct cg_search s = {.namespace_name = "ns", .query = "serde", .per_page = 100, .page = 1};
    const char *text;
    uint64_t total;

    put_many(f);
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    text = cg_buf_str(&f->text);
    assert_int_equal(total, 4);
    assert_int_equal(strncmp(text, "serde;", 6), 0);
    assert_true(strstr(text, "zserde;") > strstr(text, "serde_json;"));
    assert_true(strstr(text, "zserde;") > strstr(text, "serde_derive;"));
    forget(f);
    s.query = "Serde-JSON";
    s.per_page = 1;
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_text(f, "serde_json;");
    s.query = "serde json"; /* words may stand for the separators of the name */
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_text(f, "serde_json;");
}

static void words_are_prefixes_and_all_have_to_match(void **state)
{
    struct fixture *f = *state;

    put_many(f);
    search(f, "tok", CG_SORT_RELEVANCE, 1, "Tokio;");
    search(f, "JSO", CG_SORT_RELEVANCE, 1, "serde_json;");
    search(f, "pars", CG_SORT_RELEVANCE, 1, "serde_json;");
    search(f, "derive", CG_SORT_RELEVANCE, 1, "serde_derive;");
    search(f, "serdejs", CG_SORT_RELEVANCE, 1, "serde_json;");
    search(f, "fast serde", CG_SORT_RELEVANCE, 1, "serde_json;");
    search(f, "fast tokio", CG_SORT_RELEVANCE, 0, "");
    search(f, "serde+json", CG_SORT_RELEVANCE, 1, "serde_json;");
    search(f, "cafe", CG_SORT_RELEVANCE, 1, "Tokio;");
    search(f, "CAF\xc3\x89", CG_SORT_RELEVANCE, 1, "Tokio;");
    search(f, "okio", CG_SORT_RELEVANCE, 0, "");
}

static void changed_text_is_found_by_the_new_words_only(void **state)
{
    struct fixture *f = *state;

    put_crate(f, "foo", "foo", "alpha");
    put_crate(f, "foo", "foo", "beta");
    search(f, "alpha", CG_SORT_RELEVANCE, 0, "");
    search(f, "beta", CG_SORT_RELEVANCE, 1, "foo;");
}

static void no_query_is_an_error(void **state)
{
    struct fixture *f = *state;
    static const char *const queries[] = {
        "\"",       "\"\"\"",      "'",      "foo\"", "foo OR bar", "NOT",          "AND AND", "NEAR(a b)", "name:foo",
        "{name} :", "-name : foo", "foo*",   "*",     "^foo",       "(foo",         "foo)",    "foo AND",   "a NEAR b",
        "\xff\xfe", "foo\x01",     "; DROP", "%",     "_",          "\xe2\x80\x94", "+",       ",",         "foo^2",
        "\"foo\"",  "foo--bar",    "--",     "a-",    "\\",         "[x]",          "\t\n",    "rowid",     "rank:x"};
    char *longest = cg_malloc(5001);
    struct cg_search s = {.namespace_name = "ns", .per_page = 10, .page = 1};
    uint64_t total;

    put_many(f);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        for (int sort = CG_SORT_RELEVANCE; sort <= CG_SORT_NEW; sort++) {
            s.query = queries[i];
            s.sort = (enum cg_search_sort)sort;
            assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
        }
    }
    for (int c = 1; c < 256; c++) {
        memset(longest, c, 5000);
        for (int i = 1; i < 5000; i += 2)
            longest[i] = c % 2 ? ' ' : 'x';
        longest[5000] = '\0';
        s.query = longest;
        assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    }
    free(longest);
}

static void query_of_separators_matches_all(void **state)
{
    struct fixture *f = *state;
    const char *all = "serde;serde_derive;serde_json;Tokio;zserde;";

    put_many(f);
    search(f, "", CG_SORT_RELEVANCE, 5, all);
    search(f, NULL, CG_SORT_RELEVANCE, 5, all);
    search(f, " \t+,\"-_ ", CG_SORT_RELEVANCE, 5, all);
}

static void sorts_and_pages(void **state)
{
    struct fixture *f = *state;
    const struct cg_download_count counts[] = {{"ns", "zserde", "1.0.0", 9}, {"ns", "serde", "1.0.0", 5}};
    struct cg_crate_summary derive = summary_of("serde-derive", "serde_derive", "macros");
    struct cg_search s = {.namespace_name = "ns", .query = "", .sort = CG_SORT_ALPHA, .per_page = 2, .page = 2};
    uint64_t total = 0;

    put_many(f);
    derive.updated_at = 500;
    assert_int_equal(f->ops->crate_put(f->md, &derive, NULL), CG_OK);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 2, NULL), CG_OK);
    search(f, "", CG_SORT_DOWNLOADS, 5, "zserde;serde;serde_derive;serde_json;Tokio;");
    search(f, "", CG_SORT_RECENT_UPDATES, 5, "serde_derive;serde;serde_json;Tokio;zserde;");
    search(f, "", CG_SORT_NEW, 5, "serde_json;serde;serde_derive;Tokio;zserde;");
    search(f, "serde", CG_SORT_ALPHA, 4, "serde;serde_derive;serde_json;zserde;");
    search(f, "serde", CG_SORT_DOWNLOADS, 4, "zserde;serde;serde_derive;serde_json;");
    search(f, "serde", CG_SORT_RECENT_UPDATES, 4, "serde_derive;serde;serde_json;zserde;");
    search(f, "serde", CG_SORT_NEW, 4, "serde_json;serde;serde_derive;zserde;");
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_int_equal(total, 5);
    assert_text(f, "serde_json;Tokio;");
    s.page = 4;
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_int_equal(total, 5);
    assert_text(f, "");
    s.page = 4000000000u;
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_text(f, "");
}

static void search_stays_in_its_namespace_and_visitor_stops_it(void **state)
{
    struct fixture *f = *state;
    struct cg_search s = {.namespace_name = "other", .query = "serde", .per_page = 10, .page = 1};
    uint64_t total = 77;

    put_many(f);
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_OK);
    assert_int_equal(total, 0);
    s.namespace_name = "ns";
    f->stop_at = 2;
    assert_int_equal(f->ops->search(f->md, &s, see_name, f, &total, NULL), CG_ERR_THROTTLED);
    assert_int_equal(f->count, 2);
    assert_int_equal(total, 0);
    forget(f);
    search(f, "tokio", CG_SORT_RELEVANCE, 1, "Tokio;"); /* a stopped search leaves nothing open */
}

/* Reverse dependencies */

static enum cg_err see_dependent(void *cls, const struct cg_reverse_row *r)
{
    struct fixture *f = cls;
    const struct cg_dependency_row *d = &r->dependency;

    cg_buf_addf(&f->text, "%s %s %s|%s|%s|%s|%s|%d%d|%s|%d;", r->name, r->version, d->crate, d->registry, d->req,
                d->kind, d->target, d->optional, d->default_features, d->features, (int)r->downloads);
    return seen(f);
}

static void dependents_are_counted_by_their_highest_version_once(void **state)
{
    struct fixture *f = *state;
    const struct cg_download_count counts[] = {{"ns", "tool", "1.0.0", 5}};
    const struct cg_dependency_row both[] = {
        {"core", "", "^1", "dev", "", false, true, ""},
        {"core", "", "^1.2", "normal", "cfg(unix)", true, false, "a b"},
        {"else", "", "*", "normal", "", false, true, ""},
    };
    const struct cg_dependency_row elsewhere[] = {
        {"core", "https://github.com/rust-lang/crates.io-index", "^1", "normal", "", false, true, ""}};
    uint64_t total = 0;

    put_crate(f, "app", "App", "");
    put_version(f, "app", "0.9.0", both, 1); /* an old version: not counted */
    put_version(f, "app", "1.0.0", both, 3);
    put_crate(f, "tool", "tool", "");
    put_version(f, "tool", "1.0.0", both, 1);
    put_crate(f, "left", "left", "");
    put_version(f, "left", "0.1.0", both, 1);
    put_version(f, "left", "1.0.0", NULL, 0); /* depends no more */
    put_crate(f, "abroad", "abroad", "");
    put_version(f, "abroad", "1.0.0", elsewhere, 1);
    assert_int_equal(f->ops->downloads_add(f->md, counts, 1, NULL), CG_OK);
    assert_int_equal(f->ops->reverse(f->md, "ns", "core", 10, 1, see_dependent, f, &total, NULL), CG_OK);
    assert_int_equal(total, 2);
    assert_text(f, "tool 1.0.0 core||^1|dev||01||5;App 1.0.0 core||^1.2|normal|cfg(unix)|10|a b|0;");
    assert_int_equal(f->ops->reverse(f->md, "ns", "core", 1, 2, see_dependent, f, &total, NULL), CG_OK);
    assert_int_equal(total, 2);
    assert_text(f, "App 1.0.0 core||^1.2|normal|cfg(unix)|10|a b|0;");
    assert_int_equal(f->ops->reverse(f->md, "other", "core", 10, 1, see_dependent, f, &total, NULL), CG_OK);
    assert_int_equal(total, 0);
    f->stop_at = 1;
    assert_int_equal(f->ops->reverse(f->md, "ns", "core", 10, 1, see_dependent, f, &total, NULL), CG_ERR_THROTTLED);
    forget(f);
    put_version(f, "app", "1.0.0", NULL, 0); /* put again without: the edges go */
    assert_int_equal(f->ops->reverse(f->md, "ns", "core", 10, 1, see_dependent, f, &total, NULL), CG_OK);
    assert_int_equal(total, 1);
}

static void ping_and_check_pass_on_a_sound_database(void **state)
{
    struct fixture *f = *state;

    put_many(f);
    assert_int_equal(f->ops->ping(f->md, NULL), CG_OK);
    assert_int_equal(f->ops->ping(f->md, NULL), CG_OK);
    assert_int_equal(f->ops->check(f->md, NULL), CG_OK);
}

/* Threads */

#define THREADS 12
#define ROUNDS 25

struct worker {
    struct cg_metadata *md;
    int number;
};

static enum cg_err count_summary(void *cls, const struct cg_crate_summary *s)
{
    (void)s;
    ++*(int *)cls;
    return CG_OK;
}

static enum cg_err count_token(void *cls, struct cg_token *t)
{
    (void)t;
    ++*(int *)cls;
    return CG_OK;
}

static void must(enum cg_err rc)
{
    if (rc != CG_OK)
        abort();
}

static void work_once(struct worker *w, int round)
{
    const struct cg_download_count count = {"ns", "shared", "1.0.0", 1};
    struct cg_search s = {.namespace_name = "ns", .query = "shared", .per_page = 100, .page = 1};
    char name[32];
    struct cg_token *t;
    uint64_t total = 0;
    int64_t id = 0, value;
    int found = 0;

    snprintf(name, sizeof(name), "shared-%d-%d", w->number, round);
    t = make_token((unsigned char)(w->number * ROUNDS + round), name);
    memcpy(t->digest, name, strlen(name));
    must(w->md->ops->token_insert(w->md, t, &id, NULL));
    cg_token_unref(&t);
    must(w->md->ops->crate_put(w->md, &(struct cg_crate_summary){.namespace_name = "ns", .crate = name, .name = name},
                               NULL));
    must(w->md->ops->downloads_add(w->md, &count, 1, NULL));
    must(w->md->ops->crate_get(w->md, "ns", name, count_summary, &found, NULL));
    must(w->md->ops->search(w->md, &s, count_summary, &found, &total, NULL));
    must(w->md->ops->generation(w->md, "tokens", &value, NULL));
    must(w->md->ops->token_each(w->md, count_token, &found, NULL));
    if (round % 2)
        must(w->md->ops->token_delete(w->md, id, NULL));
}

static void *work(void *cls)
{
    struct worker *w = cls;

    for (int i = 0; i < ROUNDS; i++)
        work_once(w, i);
    return NULL;
}

/* Half of the threads use a second opening of the database, as crategatectl does beside the daemon. */
static void many_threads_and_two_openers_lose_nothing(void **state)
{
    struct fixture *f = *state;
    struct cg_metadata *other = NULL;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    int tokens = 0;

    put_crate(f, "shared", "shared", "");
    assert_int_equal(driver->open(f->dir, &other, NULL), CG_OK);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.md = i % 2 ? other : f->md, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cg_metadata_free(&other);
    assert_int_equal(f->ops->token_each(f->md, count_token, &tokens, NULL), CG_OK);
    assert_int_equal(tokens, THREADS * ((ROUNDS + 1) / 2));
    assert_int_equal(generation(f, "tokens"), THREADS * (ROUNDS + ROUNDS / 2));
    assert_int_equal(f->ops->crate_get(f->md, "ns", "shared", see_summary, f, NULL), CG_OK);
    assert_text(f, "ns shared shared 1.0.0 1.0.0|||c1 c2|https://h|https://d|https://r|10 20 300;");
    assert_int_equal(f->ops->check(f->md, NULL), CG_OK);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(token_reads_back_as_it_was_stored),
        T(visitor_may_keep_a_token),
        T(same_digest_is_a_conflict_and_changes_nothing),
        T(token_narrowed_to_nothing_is_never_stored),
        T(deleted_token_is_gone_and_its_id_never_comes_back),
        T(touch_moves_last_use_forward_only),
        T(verdicts_replace_each_other_and_go_by_id),
        T(generations_grow_with_what_they_watch_and_for_other_openers),
        T(owners_belong_to_one_crate_of_one_namespace),
        T(owner_keeps_the_id_through_removal_and_return),
        T(new_subject_of_a_login_takes_its_place),
        T(crate_summary_reads_back_and_is_replaced),
        T(versions_come_in_order_of_publication),
        T(a_release_is_its_version_and_the_crate_as_it_is_with_it),
        T(downloads_add_up_by_version_and_crate),
        T(removed_crate_takes_all_but_owners_along),
        T(derived_clear_spares_counts_owners_and_other_namespaces),
        T(exact_name_comes_first_then_names_that_begin_so),
        T(words_are_prefixes_and_all_have_to_match),
        T(changed_text_is_found_by_the_new_words_only),
        T(no_query_is_an_error),
        T(query_of_separators_matches_all),
        T(sorts_and_pages),
        T(search_stays_in_its_namespace_and_visitor_stops_it),
        T(dependents_are_counted_by_their_highest_version_once),
        T(ping_and_check_pass_on_a_sound_database),
        T(many_threads_and_two_openers_lose_nothing),
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        driver = &drivers[i];
        failed += cmocka_run_group_tests_name(driver->name, tests, NULL, NULL);
    }
    return failed;
}

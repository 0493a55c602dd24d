/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A registry whose index is a Git repository (cargo-protocol.md 4), read by the
 * program git: a copy of its last commit without history, or a repository on
 * this machine as it is. One `git cat-file --batch` gives all files, by their
 * path; nothing is checked out, and no hook of the repository runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import_registry.h"
#include "registry/index_line.h"

#define CONFIG_MAX (256u * 1024)
#define LOOK_NS (50L * 1000 * 1000)
#define SAID_MAX 1024 /* of one line */

extern char **environ;

struct cg_import_git {
    char *repository;
    char *copy; /* folder of our own, with its lock; NULL: the repository is somebody's */
    int copy_fd;
    pid_t reader; /* cat-file; 0: not started */
    FILE *ask, *answer;
};

/* What is a repository */

static bool is_repository(const char *path)
{
    char *work = cg_asprintf("%s/.git", path), *config = cg_asprintf("%s/config.json", path);
    char *head = cg_asprintf("%s/HEAD", path), *objects = cg_asprintf("%s/objects", path);
    bool is = (access(work, F_OK) == 0 && access(config, F_OK) == 0) ||
              (access(head, F_OK) == 0 && access(objects, F_OK) == 0);

    free(work);
    free(config);
    free(head);
    free(objects);
    return is;
}

bool cg_import_is_git(const char *text)
{
    struct stat st;

    if (stat(text, &st) == 0 && S_ISDIR(st.st_mode))
        return is_repository(text);
    return cg_str_starts(text, "git+") || cg_str_starts(text, "registry+") || cg_str_starts(text, "ssh://") ||
           cg_str_starts(text, "git://") || cg_str_starts(text, "file://") || cg_str_ends(text, ".git") ||
           cg_str_ends(text, ".git/");
}

static const char *url_of(const char *text)
{
    const char *const kinds[] = {"git+", "registry+"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (cg_str_starts(text, kinds[i]))
            return text + strlen(kinds[i]);
    return text;
}

/* It would be in the list of processes and in the audit trail. Over HTTP a user's name alone may be a token. */
static bool has_password(const char *url)
{
    const char *host = strstr(url, "://"), *end = host ? strchrnul(host + 3, '/') : NULL;
    const char *at = host ? memrchr(host, '@', (size_t)(end - host)) : NULL;

    return at && (cg_str_starts_nocase(url, "http") || memchr(host + 3, ':', (size_t)(at - host - 3)));
}

/* Running git */

struct pipes {
    int in, out; /* of the child; -1: /dev/null */
    int err;     /* -1: ours */
};

/* Another git that is started does not inherit them. */
static enum cg_err make_pipe(int ends[2], struct cg_error *err)
{
    return pipe2(ends, O_CLOEXEC) == 0 ? CG_OK : cg_error_set(err, CG_ERR_UNAVAILABLE, "no pipe: %m");
}

static enum cg_err spawn(const char *const *argv, const struct pipes *pipes, pid_t *pid_out, struct cg_error *err)
{
    posix_spawn_file_actions_t actions;
    int rc;

    posix_spawn_file_actions_init(&actions);
    if (pipes->in >= 0)
        posix_spawn_file_actions_adddup2(&actions, pipes->in, STDIN_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (pipes->out >= 0)
        posix_spawn_file_actions_adddup2(&actions, pipes->out, STDOUT_FILENO);
    else
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (pipes->err >= 0)
        posix_spawn_file_actions_adddup2(&actions, pipes->err, STDERR_FILENO);
    rc = posix_spawnp(pid_out, "git", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc == 0)
        return CG_OK;
    if (rc == ENOENT)
        return cg_error_set(err, CG_ERR_INVALID,
                            "the program git is not installed; importing from a Git index needs it (and nothing else "
                            "does): apt-get install git");
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "git cannot be run: %s", strerror(rc));
}

static void tell_line(struct cg_buf *line)
{
    char shown[SAID_MAX + 1];

    cg_str_printable(cg_buf_str(line), line->len, shown, sizeof(shown));
    if (*shown)
        fprintf(stderr, "%s\n", shown);
    cg_buf_reset(line);
}

/* What git has to say holds what the server has to say, which is not to steer the terminal. Never waits: what git
 * leaves running (a shared connection, a cache of passwords) may keep the other end open. */
static void tell_said(int fd, struct cg_buf *line)
{
    char bytes[512];
    ssize_t n;

    while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != '\n' && bytes[i] != '\r')
                cg_buf_addch(line, bytes[i]);
            if (bytes[i] == '\n' || bytes[i] == '\r' || line->len == SAID_MAX)
                tell_line(line);
        }
}

struct running {
    pid_t pid;
    int said; /* its standard error, or -1 */
    const char *what;
};

/* An interrupt ends it. */
static enum cg_err wait_for(const struct running *git, volatile sig_atomic_t *stop, struct cg_error *err)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    struct cg_buf line;
    int status = 0;

    cg_buf_init(&line, SAID_MAX + 1);
    while (waitpid(git->pid, &status, WNOHANG) == 0) {
        if (*stop)
            kill(git->pid, SIGTERM);
        tell_said(git->said, &line);
        nanosleep(&pause, NULL);
    }
    tell_said(git->said, &line);
    tell_line(&line);
    cg_buf_free(&line);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return CG_OK;
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "git could not %s; what it said is above", git->what);
}

/* A copy of our own */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static void remove_all(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* One for each namespace, so that what a killed import has left is found and removed by the next. */
static enum cg_err make_folder(const struct cg_import_source *source, struct cg_import_git *git, struct cg_error *err)
{
    char *path = cg_asprintf("%s/import-git.%s", source->ctl->conf->state_dir, source->ns);
    enum cg_err rc = cg_file_mkdirs(path, 0700, err);

    if (rc == CG_OK) {
        git->copy_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (git->copy_fd < 0)
            rc = cg_file_error(err, errno, "open", path);
        else if (flock(git->copy_fd, LOCK_EX | LOCK_NB) != 0)
            rc = cg_error_set(err, CG_ERR_CONFLICT, "another import from a Git index into namespace \"%s\" is running",
                              source->ns);
    }
    if (rc == CG_OK) {
        git->copy = path;
        git->repository = cg_asprintf("%s/index.git", path);
        remove_all(git->repository);
        return CG_OK;
    }
    free(path);
    return rc;
}

static enum cg_err copy_index(const struct cg_import_source *source, struct cg_import_git *git, struct cg_error *err)
{
    const char *url = url_of(source->text);
    const char *const argv[] = {"git",       "clone", "--quiet", "--bare",        "--depth=1", "--single-branch",
                                "--no-tags", "--",    url,       git->repository, NULL};
    struct running running = {.what = "copy the index"};
    int said[2];
    enum cg_err rc = make_pipe(said, err);

    if (rc != CG_OK)
        return rc;
    (void)fcntl(said[0], F_SETFL, O_NONBLOCK);
    rc = spawn(argv, &(struct pipes){-1, -1, said[1]}, &running.pid, err);
    close(said[1]);
    running.said = said[0];
    if (rc == CG_OK)
        rc = wait_for(&running, source->stop, err);
    close(said[0]);
    return rc;
}

/* Reading */

static enum cg_err start_reader(struct cg_import_git *git, struct cg_error *err)
{
    const char *const argv[] = {"git", "-C", git->repository, "cat-file", "--batch", NULL};
    int ask[2], answer[2];
    struct pipes pipes;
    enum cg_err rc = make_pipe(ask, err);

    if (rc != CG_OK)
        return rc;
    rc = make_pipe(answer, err);
    if (rc != CG_OK) {
        close(ask[0]);
        close(ask[1]);
        return rc;
    }
    pipes = (struct pipes){ask[0], answer[1], -1};
    rc = spawn(argv, &pipes, &git->reader, err);
    close(ask[0]);
    close(answer[1]);
    git->ask = fdopen(ask[1], "w");
    git->answer = fdopen(answer[0], "r");
    CG_ASSERT(git->ask && git->answer);
    if (rc != CG_OK)
        git->reader = 0;
    return rc;
}

static enum cg_err reader_failed(struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_UNAVAILABLE, "git ended before it had given all files of the index");
}

/* So that what is answered next can be understood. */
static enum cg_err pass_over(struct cg_import_git *git, uintmax_t size, struct cg_error *err)
{
    for (; size; size--)
        if (fgetc(git->answer) == EOF)
            return reader_failed(err);
    return fgetc(git->answer) == '\n' ? CG_OK : reader_failed(err);
}

/* "SHA blob SIZE", the bytes, and a line's end; or "WHAT missing". */
static enum cg_err read_blob(struct cg_import_git *git, const char *header, struct cg_buf *out, struct cg_error *err)
{
    char kind[16];
    uintmax_t size;
    void *bytes;

    if (cg_str_ends(header, " missing\n"))
        return cg_error_set(err, CG_ERR_ABSENT, "the index has no such file");
    if (sscanf(header, "%*[0-9a-f] %15s %" SCNuMAX, kind, &size) != 2)
        return reader_failed(err);
    bytes = strcmp(kind, "blob") == 0 && size <= out->max - out->len ? cg_buf_reserve(out, (size_t)size) : NULL;
    if (!bytes) {
        enum cg_err rc = pass_over(git, size, err);

        return rc == CG_OK ? cg_error_set(err, CG_ERR_INVALID, "what the index has there is no file of an index") : rc;
    }
    if (fread(bytes, 1, (size_t)size, git->answer) != (size_t)size || fgetc(git->answer) != '\n')
        return reader_failed(err);
    cg_buf_commit(out, (size_t)size);
    return CG_OK;
}

static enum cg_err read_path(struct cg_import_git *git, const char *path, struct cg_buf *out, struct cg_error *err)
{
    char header[256];

    if (fprintf(git->ask, "HEAD:%s\n", path) < 0 || fflush(git->ask) != 0 ||
        !fgets(header, sizeof(header), git->answer))
        return reader_failed(err);
    return read_blob(git, header, out, err);
}

static enum cg_err read_index(struct cg_import_registry *r, const char *name, struct cg_buf *out, struct cg_error *err)
{
    char path[CG_INDEX_PATH_SIZE];

    cg_index_path(name, path);
    return read_path(r->git, path, out, err);
}

static enum cg_err read_config(struct cg_import_registry *r, struct cg_error *err)
{
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, CONFIG_MAX);
    rc = read_path(r->git, "config.json", &text, err);
    if (rc == CG_ERR_ABSENT || rc == CG_ERR_INVALID)
        rc = cg_error_set(err, CG_ERR_INVALID, "the repository has no config.json: it is no registry's index");
    if (rc == CG_OK)
        rc = cg_import_registry_config(r, cg_buf_str(&text), text.len, err);
    cg_buf_free(&text);
    return rc;
}

/* Files that do not lie where a crate's belongs are none of cargo's either: a README, scripts. */
static void take_names(struct cg_import_registry *r, FILE *listing)
{
    char *path = NULL;
    size_t cap = 0;

    while (getdelim(&path, &cap, '\0', listing) > 0) {
        const char *name = cg_index_path_name(path);

        if (name)
            cg_import_names_add(&r->names, name, NULL);
    }
    free(path);
}

static enum cg_err list(const struct cg_import_source *source, struct cg_import_registry *r, struct cg_error *err)
{
    const char *const argv[] = {"git", "-C",          r->git->repository, "ls-tree", "-r",
                                "-z",  "--name-only", "--full-tree",      "HEAD",    NULL};
    int answer[2];
    struct pipes pipes;
    struct running running = {.said = -1, .what = "list the index"};
    FILE *listing;
    enum cg_err rc = make_pipe(answer, err);

    if (rc != CG_OK)
        return rc;
    pipes = (struct pipes){-1, answer[1], -1};
    rc = spawn(argv, &pipes, &running.pid, err);
    close(answer[1]);
    listing = fdopen(answer[0], "r");
    CG_ASSERT(listing);
    if (rc == CG_OK) {
        take_names(r, listing);
        rc = wait_for(&running, source->stop, err);
    }
    fclose(listing);
    return rc;
}

void cg_import_git_free(struct cg_import_git **git)
{
    struct cg_import_git *g = *git;

    if (!g)
        return;
    if (g->ask)
        fclose(g->ask);
    if (g->answer)
        fclose(g->answer);
    if (g->reader)
        waitpid(g->reader, NULL, 0); /* its input has ended */
    if (g->copy)
        remove_all(g->copy);
    if (g->copy_fd >= 0)
        close(g->copy_fd);
    free(g->copy);
    free(g->repository);
    free(g);
    *git = NULL;
}

static enum cg_err open_repository(const struct cg_import_source *source, struct cg_import_registry *r,
                                   struct cg_error *err)
{
    struct stat st;
    enum cg_err rc;

    if (stat(source->text, &st) == 0 && S_ISDIR(st.st_mode)) {
        r->git->repository = realpath(source->text, NULL);
        if (!r->git->repository)
            return cg_file_error(err, errno, "open", source->text);
        r->index = cg_asprintf("file://%s", r->git->repository);
        return CG_OK;
    }
    r->index = cg_strdup(url_of(source->text));
    if (has_password(r->index))
        return cg_error_set(
            err, CG_ERR_INVALID,
            "no password belongs into an address, nor over HTTP a user, which may be a token: git has credential "
            "helpers and .netrc for them");
    cg_import_registry_warn(source, r->index);
    rc = make_folder(source, r->git, err);
    return rc == CG_OK ? copy_index(source, r->git, err) : rc;
}

/* Others' settings for git are about others' repositories. */
static void prepare_environment(void)
{
    static const char *const others[] = {"GIT_DIR",        "GIT_WORK_TREE",        "GIT_INDEX_FILE",
                                         "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
                                         "GIT_NAMESPACE"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        unsetenv(others[i]);
    setenv("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file", 0);
    setenv("GIT_NO_LAZY_FETCH", "1", 1);
}

/* From here on git only reads. A repository whose own configuration says that parts of it are elsewhere would otherwise
 * have them fetched, by the program that it names; older gits do not know GIT_NO_LAZY_FETCH. */
static void end_fetching(void)
{
    setenv("GIT_ALLOW_PROTOCOL", "none", 1);
}

enum cg_err cg_import_git(struct cg_import_source *source, struct cg_error *err)
{
    struct cg_import_registry *r = NULL;
    enum cg_err rc = cg_import_registry_new(source, &r, err);

    if (rc != CG_OK)
        return rc;
    source->registry = r; /* and so its to free */
    r->git = cg_calloc(1, sizeof(*r->git));
    r->git->copy_fd = -1;
    r->read = read_index;
    prepare_environment();
    rc = open_repository(source, r, err);
    end_fetching();
    if (rc == CG_OK) {
        r->identity = cg_strdup(r->index);
        r->local = cg_str_starts(r->index, "file://");
        rc = start_reader(r->git, err);
    }
    if (rc == CG_OK)
        rc = read_config(r, err);
    if (rc == CG_OK && !r->names.count)
        rc = list(source, r, err);
    if (rc == CG_OK)
        cg_import_registry_serve(source, r);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "art_rig.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static struct art_rig *live;

/* A test that fails in the middle leaves none behind. */
static void stop_live(void)
{
    if (live)
        art_rig_stop(live);
}

static void run_double(int in, int out, const char *dir)
{
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
        _exit(127);
    execlp("python3", "python3", CG_SRCDIR "/tests/fakes/artifactory/fake_artifactory.py", "--with-parent", "--tls",
           "--redirect-host", "127.0.0.1", "--folder", dir, (char *)NULL);
    _exit(127);
}

static bool read_ready(struct art_rig *rig)
{
    struct cg_buf line;
    char c;

    cg_buf_init(&line, 1 << 16);
    while (read(rig->out, &c, 1) == 1 && c != '\n')
        cg_buf_addch(&line, c);
    rig->ready = json_loads(cg_buf_str(&line), 0, NULL);
    cg_buf_free(&line);
    return rig->ready != NULL;
}

bool art_rig_start(struct art_rig *rig)
{
    int in[2], out[2];

    memset(rig, 0, sizeof(*rig));
    if (system("python3 -c pass 2>/dev/null") != 0)
        return false;
    /* The double is on this machine. */
    setenv("no_proxy", "*", 1);
    rig->dir = cg_temp_dir_new();
    CG_ASSERT(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    rig->pid = fork();
    if (rig->pid == 0)
        run_double(in[0], out[1], rig->dir);
    close(in[0]);
    close(out[1]);
    rig->in = in[1];
    rig->out = out[0];
    CG_ASSERT(read_ready(rig));
    live = rig;
    atexit(stop_live);
    return true;
}

void art_rig_stop(struct art_rig *rig)
{
    live = NULL;
    kill(rig->pid, SIGKILL);
    waitpid(rig->pid, NULL, 0);
    close(rig->in);
    close(rig->out);
    json_decref(rig->ready);
    cg_temp_dir_free(&rig->dir);
}

static size_t take(char *bytes, size_t size, size_t count, void *cls)
{
    cg_buf_add(cls, bytes, size * count);
    return size * count;
}

json_t *art_rig_control(struct art_rig *rig, const char *method, const char *path, const char *json)
{
    char *url = cg_asprintf("%s%s", cg_json_str(rig->ready, "control"), path);
    struct cg_buf body;
    CURL *curl = curl_easy_init();
    json_t *value;
    long status = 0;

    cg_buf_init(&body, 64 << 20);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (json)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    CG_ASSERT(curl_easy_perform(curl) == CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (status / 100 != 2)
        fprintf(stderr, "%s %s: %ld %s\n", method, path, status, cg_buf_str(&body));
    CG_ASSERT(status / 100 == 2);
    value = json_loads(cg_buf_str(&body), 0, NULL);
    cg_buf_free(&body);
    free(url);
    return value;
}

void art_rig_reset(struct art_rig *rig)
{
    json_decref(art_rig_control(rig, "POST", "/reset", "{\"store\":true}"));
}

void art_rig_fault(struct art_rig *rig, const char *json)
{
    json_decref(art_rig_control(rig, "POST", "/rules", json));
}

void art_rig_knobs(struct art_rig *rig, const char *json)
{
    json_decref(art_rig_control(rig, "POST", "/knobs", json));
}

void art_rig_put(struct art_rig *rig, const char *repo_and_path, const char *bytes)
{
    char *path = cg_asprintf("/items/%s", repo_and_path);

    json_decref(art_rig_control(rig, "PUT", path, bytes));
    free(path);
}

/* An array, or an object that holds it. */
static json_t *log_of(struct art_rig *rig, const char *query)
{
    char *path = cg_asprintf("/log?%s", query);
    json_t *log = art_rig_control(rig, "GET", path, NULL);

    free(path);
    CG_ASSERT(json_is_array(log));
    return log;
}

size_t art_rig_asked(struct art_rig *rig, const char *query)
{
    json_t *log = log_of(rig, query);
    size_t count = json_array_size(log);

    json_decref(log);
    return count;
}

char *art_rig_logged(struct art_rig *rig, const char *query, const char *part)
{
    json_t *log = log_of(rig, query), *value = json_object_get(json_array_get(log, 0), part);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : cg_strdup("");

    json_decref(log);
    return text;
}

unsigned art_rig_port(struct art_rig *rig, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(json_object_get(rig->ready, "ports"), name));
}

const char *art_rig_token(struct art_rig *rig, const char *user)
{
    return cg_json_str(json_object_get(json_object_get(rig->ready, "users"), user), "token");
}

static void write_token(const char *path, const char *token)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CG_ASSERT(fd >= 0 && write(fd, token, strlen(token)) == (ssize_t)strlen(token));
    close(fd);
}

struct cg_conf_artifactory *art_rig_conf(struct art_rig *rig, const char *port, const char *user)
{
    static char name[] = "corp", url[128], token_file[256], ca[256];
    static struct cg_conf_artifactory conf;
    const char *token = art_rig_token(rig, user);
    bool tls = cg_str_starts(port, "tls");

    snprintf(url, sizeof(url), "%s://127.0.0.1:%u/artifactory", tls ? "https" : "http", art_rig_port(rig, port));
    snprintf(token_file, sizeof(token_file), "%s/%s.token", rig->dir, user);
    snprintf(ca, sizeof(ca), "%s", tls ? cg_json_str(rig->ready, "ca") : "");
    write_token(token_file, token);
    cg_secret_free(&conf.token);
    conf = (struct cg_conf_artifactory){.name = name,
                                        .url = url,
                                        .token_file = token_file,
                                        .ca_file = ca,
                                        .connect_timeout = RIG_CONNECT_MS,
                                        .answer_timeout = RIG_ANSWER_MS,
                                        .stall_timeout = RIG_STALL_MS,
                                        .max_connections = 4};
    cg_secret_set(&conf.token, token, strlen(token));
    return &conf;
}

struct cg_art_client *art_rig_client(struct art_rig *rig)
{
    return cg_art_client_new(art_rig_conf(rig, "main", "deployer"));
}

/* Files and sinks */

void art_file_make(struct art_file *file, const char *path, const void *bytes, size_t len)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned sum_len = 0;

    memset(file, 0, sizeof(*file));
    file->fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    CG_ASSERT(file->fd >= 0 && write(file->fd, bytes, len) == (ssize_t)len);
    cg_sha256(bytes, len, sum);
    cg_hex(sum, CG_SHA256_SIZE, file->sha256);
    CG_ASSERT(EVP_Digest(bytes, len, sum, &sum_len, EVP_sha1(), NULL) == 1);
    cg_hex(sum, sum_len, file->sha1);
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->props[0] = (struct cg_art_prop){CG_ART_PROP_PUBLISHER, "alice"};
    file->props[1] = (struct cg_art_prop){CG_ART_PROP_YANKED, "false"};
    file->deploy = (struct cg_art_deploy){.repo = "cargo-local",
                                          .path = file->path,
                                          .fd = file->fd,
                                          .size = len,
                                          .sha256 = file->sha256,
                                          .sha1 = file->sha1,
                                          .props = file->props,
                                          .prop_count = 2};
}

void art_file_close(struct art_file *file)
{
    close(file->fd);
}

static enum cg_err kept_begin(void *cls, uint64_t size, struct cg_error *err)
{
    struct art_kept *kept = cls;

    (void)err;
    kept->begun++;
    kept->size = size;
    return CG_OK;
}

static enum cg_err kept_bytes(void *cls, const void *bytes, size_t len, struct cg_error *err)
{
    struct art_kept *kept = cls;

    CG_ASSERT(kept->begun == 1);
    cg_buf_add(&kept->bytes, bytes, len);
    usleep(kept->sleep_ms * 1000);
    kept->sleep_ms = 0;
    return kept->stop == CG_OK ? CG_OK : cg_error_set(err, kept->stop, "enough");
}

struct cg_art_sink art_kept_sink(struct art_kept *kept)
{
    memset(kept, 0, sizeof(*kept));
    cg_buf_init(&kept->bytes, 16 << 20);
    return (struct cg_art_sink){.begin = kept_begin, .bytes = kept_bytes, .cls = kept};
}

void art_kept_free(struct art_kept *kept)
{
    cg_buf_free(&kept->bytes);
}

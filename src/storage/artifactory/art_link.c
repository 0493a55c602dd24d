/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_link.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"

/* Easy handles keep their connection open; the one used last is the warmest. */
struct cg_art_handles {
    pthread_mutex_t lock;
    pthread_cond_t given_back; /* on the monotonic clock */
    unsigned in_use, max, idle_count;
    CURL *idle[];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void set_up_curl(void)
{
    CG_ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static struct cg_art_handles *handles_new(unsigned max)
{
    struct cg_art_handles *handles = cg_calloc(1, sizeof(*handles) + max * sizeof(handles->idle[0]));
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&handles->given_back, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&handles->lock, NULL);
    handles->max = max;
    return handles;
}

static void handles_free(struct cg_art_handles *handles)
{
    for (unsigned i = 0; i < handles->idle_count; i++)
        curl_easy_cleanup(handles->idle[i]);
    pthread_cond_destroy(&handles->given_back);
    pthread_mutex_destroy(&handles->lock);
    free(handles);
}

/* "Bearer x" and "Basic x" as they are; a bare access token is a Bearer. */
static void make_header(struct cg_secret *header, const struct cg_secret *token)
{
    static const char name[] = "Authorization: ", bearer[] = "Bearer ";
    const char *text = token->bytes ? (const char *)token->bytes : "";
    bool schemed = cg_str_starts_nocase(text, "bearer ") || cg_str_starts_nocase(text, "basic ");
    size_t lead = sizeof(name) - 1 + (schemed ? 0 : sizeof(bearer) - 1), len = lead + token->len;
    char *line = cg_malloc(len + 1);

    memcpy(line, name, sizeof(name) - 1);
    if (!schemed)
        memcpy(line + sizeof(name) - 1, bearer, sizeof(bearer) - 1);
    memcpy(line + lead, text, token->len);
    cg_secret_set(header, line, len);
    cg_wipe(line, len);
    free(line);
}

static bool set_in_environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

static struct cg_art_link *link_of(const struct cg_conf_artifactory *conf)
{
    struct cg_art_link *link = cg_calloc(1, sizeof(*link));

    pthread_once(&once, set_up_curl);
    atomic_init(&link->refs, 1);
    link->name = cg_strdup(conf->name);
    link->url = cg_strdup(conf->url);
    link->ca_file = cg_strdup(conf->ca_file);
    link->token_file = cg_strdup(conf->token_file);
    cg_secret_copy(&link->token, &conf->token);
    if (link->token.len > 0)
        make_header(&link->authorization, &link->token);
    link->connect_timeout = conf->connect_timeout;
    link->answer_timeout = conf->answer_timeout;
    link->stall_timeout = conf->stall_timeout;
    link->max_connections = conf->max_connections;
    link->proxied = set_in_environment("http_proxy") || set_in_environment("https_proxy") ||
                    set_in_environment("HTTPS_PROXY") || set_in_environment("all_proxy") ||
                    set_in_environment("ALL_PROXY");
    return link;
}

struct cg_art_link *cg_art_link_new(const struct cg_conf_artifactory *conf)
{
    struct cg_art_link *link = link_of(conf);

    link->handles = handles_new(link->max_connections);
    return link;
}

struct cg_art_link *cg_art_link_renew(const struct cg_art_link *link, const struct cg_secret *token)
{
    struct cg_conf_artifactory conf = {.name = link->name,
                                       .url = link->url,
                                       .ca_file = link->ca_file,
                                       .token_file = link->token_file,
                                       .token = *token,
                                       .connect_timeout = link->connect_timeout,
                                       .answer_timeout = link->answer_timeout,
                                       .stall_timeout = link->stall_timeout,
                                       .max_connections = link->max_connections};

    return cg_art_link_new(&conf);
}

bool cg_art_link_owns(const struct cg_art_link *link, const char *url)
{
    size_t len = strlen(link->url);

    return strncmp(url, link->url, len) == 0 && (url[len] == '/' || url[len] == '?' || !url[len]);
}

struct cg_art_link *cg_art_link_ref(struct cg_art_link *link)
{
    atomic_fetch_add_explicit(&link->refs, 1, memory_order_relaxed);
    return link;
}

void cg_art_link_unref(struct cg_art_link **link)
{
    struct cg_art_link *mine = *link;

    *link = NULL;
    if (!mine || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
        return;
    handles_free(mine->handles);
    cg_secret_free(&mine->token);
    cg_secret_free(&mine->authorization);
    free(mine->name);
    free(mine->url);
    free(mine->ca_file);
    free(mine->token_file);
    free(mine);
}

static struct timespec when(int64_t mono_ms)
{
    return (struct timespec){.tv_sec = (time_t)(mono_ms / 1000), .tv_nsec = (long)(mono_ms % 1000) * 1000000};
}

CURL *cg_art_link_take(struct cg_art_link *link, int64_t deadline)
{
    struct cg_art_handles *handles = link->handles;
    struct timespec until = when(deadline);
    CURL *curl = NULL;
    bool mine;

    pthread_mutex_lock(&handles->lock);
    while (handles->in_use == handles->max)
        if (pthread_cond_timedwait(&handles->given_back, &handles->lock, &until) != 0)
            break;
    mine = handles->in_use < handles->max;
    if (mine)
        handles->in_use++;
    if (mine && handles->idle_count > 0)
        curl = handles->idle[--handles->idle_count];
    pthread_mutex_unlock(&handles->lock);
    if (!mine)
        return NULL;
    if (!curl)
        curl = curl_easy_init();
    CG_ASSERT(curl); /* out of memory */
    return curl;
}

void cg_art_link_put(struct cg_art_link *link, CURL *curl)
{
    struct cg_art_handles *handles = link->handles;

    curl_easy_reset(curl); /* forgets everything but its connections */
    pthread_mutex_lock(&handles->lock);
    handles->in_use--;
    handles->idle[handles->idle_count++] = curl;
    pthread_cond_signal(&handles->given_back);
    pthread_mutex_unlock(&handles->lock);
}

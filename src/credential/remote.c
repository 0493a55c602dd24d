/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/remote.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authn/token_secret.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "credential/wiping.h"
#include "crategate/clock.h"
#include "crategate/version.h"

#define ANSWER_MAX 65536
#define HEADER_MAX 8192
#define CONNECT_S 10L
#define WHOLE_S 30L
#define NAME_SIZE 100

/* One request and its answer. */
struct exchange {
    const char *base; /* for sentences */
    CURL *curl;
    struct curl_slist *headers;
    struct cg_buf body;
    long status;
    char reason[CURL_ERROR_SIZE];
};

void cg_remote_init(void)
{
    CG_ASSERT(curl_global_init_mem(CURL_GLOBAL_DEFAULT, cg_wiping_malloc, cg_wiping_free, cg_wiping_realloc,
                                   cg_wiping_strdup, cg_wiping_calloc) == CURLE_OK);
}

void cg_remote_end(void)
{
    curl_global_cleanup();
}

static size_t take(char *bytes, size_t size, size_t count, void *cls)
{
    struct cg_buf *body = cls;

    cg_buf_add(body, bytes, size * count);
    return cg_buf_failed(body) ? 0 : size * count;
}

static const char *ca_file(void)
{
    const char *ours = getenv("CRATEGATE_CA_FILE"), *cargos = getenv("CARGO_HTTP_CAINFO");

    if (ours && *ours)
        return ours;
    return cargos && *cargos ? cargos : NULL;
}

static void set_options(struct exchange *x, const char *method, const char *url)
{
    curl_easy_setopt(x->curl, CURLOPT_URL, url);
    curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(x->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(x->curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(x->curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(x->curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(x->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (ca_file())
        curl_easy_setopt(x->curl, CURLOPT_CAINFO, ca_file());
    if (cg_str_starts(url, "http://")) /* loopback: a proxy would see what must not leave this machine */
        curl_easy_setopt(x->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(x->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(x->curl, CURLOPT_TIMEOUT, WHOLE_S);
    curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->curl, CURLOPT_USERAGENT, "cargo-credential-crategate/" CG_VERSION);
    curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, &x->body);
    curl_easy_setopt(x->curl, CURLOPT_ERRORBUFFER, x->reason);
}

static enum cg_err exchange_begin(struct exchange *x, const char *method, const char *base, const char *path,
                                  struct cg_error *err)
{
    char *url;

    *x = (struct exchange){.base = base, .curl = curl_easy_init()};
    cg_buf_init(&x->body, ANSWER_MAX);
    if (!x->curl || !cg_buf_reserve(&x->body, ANSWER_MAX)) /* at once: growing would leave copies of a token */
        return cg_error_set(err, CG_ERR_INTERNAL, "no memory for a request");
    url = cg_asprintf("%s%s", base, path);
    set_options(x, method, url);
    free(url);
    return CG_OK;
}

static void exchange_end(struct exchange *x)
{
    if (x->body.data)
        cg_wipe(x->body.data, x->body.cap);
    cg_buf_free(&x->body);
    curl_slist_free_all(x->headers); /* wiped, as all that libcurl frees */
    curl_easy_cleanup(x->curl);
}

/* The value is a secret: the line is made in one block and wiped. */
static void add_authorization(struct exchange *x, const char *scheme, const char *value)
{
    struct cg_buf line;

    cg_buf_init(&line, HEADER_MAX);
    CG_ASSERT(cg_buf_reserve(&line, HEADER_MAX));
    cg_buf_addf(&line, "Authorization: %s ", scheme);
    cg_buf_addstr(&line, value);
    x->headers = curl_slist_append(x->headers, cg_buf_str(&line));
    cg_wipe(line.data, line.cap);
    cg_buf_free(&line);
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
}

/* What a person can do about a failed connection. */
static const char *advice(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return "its certificate is not to be trusted; if your company has an authority of its own, name its PEM file "
               "in "
               "CRATEGATE_CA_FILE or CARGO_HTTP_CAINFO";
    case CURLE_SSL_CACERT_BADFILE:
        return "the file in CRATEGATE_CA_FILE or CARGO_HTTP_CAINFO holds no certificates that can be read";
    case CURLE_SSL_CONNECT_ERROR:
        return "TLS could not be agreed on";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "no machine of this name was found";
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "the proxy in HTTPS_PROXY was not found";
    case CURLE_COULDNT_CONNECT:
        return "nothing accepts connections there, or a firewall is between";
    case CURLE_OPERATION_TIMEDOUT:
        return "it did not answer in time";
    case CURLE_WRITE_ERROR:
        return "its answer is larger than any of a gateway";
    default:
        return "the connection failed";
    }
}

static enum cg_err perform(struct exchange *x, struct cg_error *err)
{
    CURLcode code = curl_easy_perform(x->curl);
    char text[CG_ERROR_DETAIL_MAX];

    if (code == CURLE_OK) {
        curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
        return CG_OK;
    }
    snprintf(text, sizeof(text), "%s cannot be asked: %s", x->base, advice(code));
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, text, "%s", x->reason[0] ? x->reason : curl_easy_strerror(code));
}

/* errors[].detail of the answer, with "; " between; nothing when it is of another kind. */
static void read_details(const struct exchange *x, struct cg_buf *out)
{
    json_t *root = NULL;
    const json_t *errors;

    if (cg_json_parse(cg_buf_str(&x->body), x->body.len, &root, NULL) != CG_OK)
        return;
    errors = json_object_get(root, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const char *detail = cg_json_str(json_array_get(errors, i), "detail");

        if (detail)
            cg_buf_addf(out, "%s%s", out->len ? "; " : "", detail);
    }
    json_decref(root);
}

static enum cg_err code_of(long status)
{
    switch (status) {
    case 400:
    case 422:
        return CG_ERR_INVALID;
    case 401:
        return CG_ERR_UNAUTHENTICATED;
    case 403:
        return CG_ERR_DENIED;
    case 429:
        return CG_ERR_THROTTLED;
    default:
        return status >= 500 ? CG_ERR_UNAVAILABLE : CG_ERR_UNPROCESSABLE;
    }
}

/* The answer as an error: its own sentence, made fit for a terminal, and when to come again. */
static enum cg_err refused(struct exchange *x, struct cg_error *err)
{
    enum cg_err rc = code_of(x->status);
    curl_off_t wait_s = 0;
    struct cg_buf details;
    char shown[CG_ERROR_DETAIL_MAX / 2], when[64] = "";

    cg_buf_init(&details, sizeof(shown));
    read_details(x, &details);
    cg_str_printable(cg_buf_str(&details), details.len, shown, sizeof(shown));
    cg_buf_free(&details);
    if (rc == CG_ERR_THROTTLED || rc == CG_ERR_UNAVAILABLE)
        curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &wait_s);
    if (wait_s > 0)
        snprintf(when, sizeof(when), " (try again in %lld seconds)", (long long)wait_s);
    if (!shown[0])
        return cg_error_set(err, rc,
                            "%s answered with status %ld, which no crategate gateway does here: is the "
                            "registry's address right?%s",
                            x->base, x->status, when);
    return cg_error_set(err, rc, "%s: %s%s", x->base, shown, when);
}

static void add_names(struct cg_buf *out, const char *key, char *const *names)
{
    if (!names)
        return;
    cg_buf_addf(out, ",\"%s\":[", key);
    for (size_t i = 0; names[i]; i++) {
        cg_buf_addstr(out, i ? "," : "");
        cg_json_quote(out, names[i]);
    }
    cg_buf_addch(out, ']');
}

/* "cargo login on HOST": so that its owner knows it in a list. */
static void add_name(struct cg_buf *out)
{
    char host[NAME_SIZE - 20] = "", name[NAME_SIZE], shown[NAME_SIZE];

    if (gethostname(host, sizeof(host) - 1) != 0)
        host[0] = '\0';
    snprintf(name, sizeof(name), "cargo login%s%s", host[0] ? " on " : "", host);
    cg_str_printable(name, strlen(name), shown, sizeof(shown));
    cg_json_quote(out, shown);
}

static void write_wish(struct cg_buf *out, const struct cg_wish *wish, int64_t expires_at)
{
    char text[CG_TIME_RFC3339_SIZE];

    cg_buf_addstr(out, "{\"api_token\":{\"name\":");
    add_name(out);
    if (expires_at) {
        cg_time_rfc3339(expires_at, text);
        cg_buf_addf(out, ",\"expired_at\":\"%s\"", text);
    }
    add_names(out, "namespace_scopes", wish->namespaces);
    add_names(out, "endpoint_scopes", wish->scopes);
    cg_buf_addstr(out, "}}");
}

static void add_basic(struct exchange *x, const char *user, const struct cg_secret *password)
{
    struct cg_buf pair, encoded;

    cg_buf_init(&pair, HEADER_MAX / 2);
    cg_buf_init(&encoded, HEADER_MAX);
    CG_ASSERT(cg_buf_reserve(&pair, HEADER_MAX / 2) && cg_buf_reserve(&encoded, HEADER_MAX));
    cg_buf_addf(&pair, "%s:", user);
    cg_buf_add(&pair, password->bytes, password->len);
    cg_base64_encode(pair.data, pair.len, &encoded);
    add_authorization(x, "Basic", cg_buf_str(&encoded));
    cg_wipe(pair.data, pair.cap);
    cg_wipe(encoded.data, encoded.cap);
    cg_buf_free(&pair);
    cg_buf_free(&encoded);
}

/* {"api_token":{"id":1,"token":"cgp_...","expired_at":"..."}} */
static enum cg_err read_made(const struct exchange *x, struct cg_login_record *record, struct cg_error *err)
{
    json_t *root = NULL;
    enum cg_err rc = cg_json_parse(cg_buf_str(&x->body), x->body.len, &root, NULL);
    const json_t *made = json_object_get(root, "api_token");
    const char *token = cg_json_str(made, "token"), *until = cg_json_str(made, "expired_at");
    int64_t expires_at = 0;

    if (rc == CG_OK && token && cg_token_secret_plausible(token, strlen(token)) &&
        (!until || cg_time_parse_rfc3339(until, &expires_at) == CG_OK)) {
        cg_secret_set(&record->token, token, strlen(token));
        record->id = json_integer_value(json_object_get(made, "id"));
        record->made_at = cg_clock_wall_s();
        record->expires_at = expires_at;
    } else {
        rc = cg_error_set(err, CG_ERR_UNPROCESSABLE, "%s answered, but not with a token: is it a crategate gateway?",
                          x->base);
    }
    json_decref(root);
    return rc;
}

enum cg_err cg_remote_make_token(struct cg_login_record *record, const struct cg_secret *password, int64_t expires_at,
                                 struct cg_error *err)
{
    struct exchange x;
    struct cg_buf wish;
    enum cg_err rc = exchange_begin(&x, "PUT", record->base, "/api/v1/me/tokens", err);

    cg_buf_init(&wish, HEADER_MAX);
    if (rc != CG_OK)
        goto out;
    write_wish(&wish, &record->wish, expires_at);
    add_basic(&x, record->user, password);
    x.headers = curl_slist_append(x.headers, "Content-Type: application/json");
    curl_easy_setopt(x.curl, CURLOPT_HTTPHEADER, x.headers);
    curl_easy_setopt(x.curl, CURLOPT_POSTFIELDS, cg_buf_str(&wish));
    rc = perform(&x, err);
    if (rc == CG_OK)
        rc = x.status == 200 ? read_made(&x, record, err) : refused(&x, err);
out:
    cg_buf_free(&wish);
    exchange_end(&x);
    return rc;
}

/* A request that shows the token and wants to hear 200. */
static enum cg_err ask(const char *method, const char *base, const char *path, const struct cg_secret *token,
                       struct cg_error *err)
{
    struct exchange x;
    enum cg_err rc = exchange_begin(&x, method, base, path, err);

    if (rc != CG_OK)
        goto out;
    add_authorization(&x, "Bearer", (const char *)token->bytes);
    rc = perform(&x, err);
    if (rc == CG_OK && x.status != 200)
        rc = refused(&x, err);
out:
    exchange_end(&x);
    return rc;
}

enum cg_err cg_remote_try_token(const struct cg_target *target, const struct cg_secret *token, struct cg_error *err)
{
    char *path = cg_asprintf("/api/cargo/%s/index/config.json", target->ns);
    enum cg_err rc = ask("GET", target->base, path, token, err);

    free(path);
    return rc;
}

enum cg_err cg_remote_revoke(const char *base, const struct cg_secret *token, struct cg_error *err)
{
    return ask("DELETE", base, "/api/v1/tokens/current", token, err);
}

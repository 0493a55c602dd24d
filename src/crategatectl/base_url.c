/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Asks the gateway's own public URL, as a client would. */
#include "crategatectl/ctl.h"

#include <curl/curl.h>

#include "base/buf.h"

#define TIMEOUT_S 10L

static size_t take(char *bytes, size_t size, size_t count, void *cls)
{
    cg_buf_add(cls, bytes, size * count);
    return size * count;
}

enum cg_err cg_ctl_get(const char *url, long *status_out, struct cg_buf *body, struct cg_error *err)
{
    CURL *curl = curl_easy_init();
    CURLcode rc;

    if (!curl)
        return cg_error_set(err, CG_ERR_INTERNAL, "libcurl could not be initialised");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    rc = curl_easy_perform(curl);
    if (rc == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status_out);
    curl_easy_cleanup(curl);
    return rc == CURLE_OK ? CG_OK : cg_error_set(err, CG_ERR_UNAVAILABLE, "%s: %s", url, curl_easy_strerror(rc));
}

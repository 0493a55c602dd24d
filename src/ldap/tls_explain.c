/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Why does a server's certificate not verify? libldap only says "can't contact"; an operator needs more. */
#include "ldap/tls.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/str.h"

static X509 *peer_certificate(LDAP *ld)
{
    struct berval der = {0, NULL};
    const unsigned char *at;
    X509 *cert = NULL;

    if (ldap_get_option(ld, LDAP_OPT_X_TLS_PEERCERT, &der) == LDAP_OPT_SUCCESS && der.bv_val) {
        at = (const unsigned char *)der.bv_val;
        cert = d2i_X509(NULL, &at, (long)der.bv_len);
    }
    ldap_memfree(der.bv_val);
    return cert;
}

static void add_time(struct cg_buf *out, const ASN1_TIME *time)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;

    if (!bio)
        return;
    ASN1_TIME_print(bio, time);
    len = BIO_get_mem_data(bio, &text);
    cg_buf_add(out, text, (size_t)len);
    BIO_free(bio);
}

static void add_name(struct cg_buf *out, const GENERAL_NAME *name)
{
    char text[256] = "?";

    if (name->type == GEN_DNS)
        cg_str_printable((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                         (size_t)ASN1_STRING_length(name->d.dNSName), text, sizeof(text));
    else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4)
        inet_ntop(AF_INET, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
    else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 16)
        inet_ntop(AF_INET6, ASN1_STRING_get0_data(name->d.iPAddress), text, sizeof(text));
    cg_buf_addstr(out, text);
}

static void add_names(struct cg_buf *out, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    int count = names ? sk_GENERAL_NAME_num(names) : 0;

    for (int i = 0; i < count && i < 10; i++) {
        if (i)
            cg_buf_addstr(out, ", ");
        add_name(out, sk_GENERAL_NAME_value(names, i));
    }
    if (count == 0)
        cg_buf_addstr(out, "none (a subjectAltName is required, the common name does not count)");
    GENERAL_NAMES_free(names);
}

static bool name_matches(X509 *cert, const char *host)
{
    bool numeric = strchr(host, ':') || strspn(host, "0123456789.") == strlen(host);

    if (numeric)
        return X509_check_ip_asc(cert, host, 0) == 1;
    return X509_check_host(cert, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

static void add_problem(struct cg_buf *out, X509 *cert, const char *host, const char *ca_file)
{
    char issuer[256];

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
        cg_buf_addstr(out, "the server's certificate expired on ");
        add_time(out, X509_get0_notAfter(cert));
    } else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
        cg_buf_addstr(out, "the server's certificate is not valid before ");
        add_time(out, X509_get0_notBefore(cert));
    } else if (!name_matches(cert, host)) {
        cg_buf_addf(out, "the server's certificate is not for \"%s\"; its names are: ", host);
        add_names(out, cert);
    } else {
        X509_NAME_oneline(X509_get_issuer_name(cert), issuer, sizeof(issuer));
        cg_buf_addf(out,
                    "the server's certificate was issued by \"%s\" and does not lead to a CA in %s "
                    "(ldap.tls_ca_file)",
                    issuer, ca_file);
    }
}

bool cg_ldap_tls_explain(LDAP *ld, const char *host, const char *ca_file, struct cg_buf *out)
{
    X509 *cert = peer_certificate(ld);

    if (!cert)
        return false;
    add_problem(out, cert, host, ca_file);
    X509_free(cert);
    return true;
}

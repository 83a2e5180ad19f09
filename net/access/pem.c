/* SPDX-License-Identifier: MIT */
/* Keys in PEM: see pem.h. */
#include "net/access/pem.h"

#include <errno.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "net/access/objection.h"

#define BEGIN "-----BEGIN "

bool pem_is(struct text text)
{
    return text.len && memmem(text.at, text.len, BEGIN, strlen(BEGIN)) != NULL;
}

/* The blocks' number, and the label of the first: "PUBLIC KEY". What `openssl ecparam` writes in
 * front of a key does not count. */
static unsigned count_blocks(struct text text, struct text *ret_label)
{
    unsigned count = 0;
    const char *end = text.at + text.len, *at = text.at;
    while ((at = memmem(at, (size_t)(end - at), BEGIN, strlen(BEGIN)))) {
        at += strlen(BEGIN);
        const char *dash = memchr(at, '-', (size_t)(end - at));
        struct text label = {at, (size_t)((dash ? dash : end) - at)};
        if (text_equals(label, TEXT("EC PARAMETERS")))
            continue;
        if (count++ == 0)
            *ret_label = label;
    }
    return count;
}

/* OpenSSL asks for passwords on the terminal otherwise. */
static int no_password(char *room, int size, int writing, void *context)
{
    (void)room, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *read_public(BIO *bio)
{
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
        &key, "PEM", NULL, NULL, OSSL_KEYMGMT_SELECT_PUBLIC_KEY, NULL, NULL);
    if (decoder && OSSL_DECODER_from_bio(decoder, bio) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    OSSL_DECODER_CTX_free(decoder);
    return key;
}

static EVP_PKEY *read_certificate(BIO *bio)
{
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;
    X509_free(certificate);
    return key;
}

static bool ends_with(struct text text, struct text end)
{
    return text.len >= end.len && memcmp(text.at + text.len - end.len, end.at, end.len) == 0;
}

int pem_read(struct text text, enum pem_kind kind, EVP_PKEY **ret_key, char *error,
             size_t error_size)
{
    struct text label = TEXT("");
    unsigned count = count_blocks(text, &label);
    bool is_private = ends_with(label, TEXT("PRIVATE KEY"));
    bool is_certificate = text_equals(label, TEXT("CERTIFICATE"));
    if (count == 0)
        return objection_say(error, error_size, "is not PEM: it has no line -----BEGIN ...");
    if (count > 1)
        return objection_say(error, error_size,
                             "has %u blocks of PEM: each key needs a file of its own", count);
    if (!is_private && !is_certificate && !ends_with(label, TEXT("PUBLIC KEY")))
        return objection_say(error, error_size, "is PEM, but neither a key nor a certificate");
    if (is_private && kind == PEM_PUBLIC)
        return objection_say(error, error_size,
                             "is a private key, which a server should not have: give it what "
                             "`openssl pkey -in FILE -pubout` prints");
    if (!is_private && kind == PEM_PRIVATE)
        return objection_say(error, error_size,
                             "is a public key, which signs nothing: give the private one");
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    if (!bio)
        return -ENOMEM;
    EVP_PKEY *key = is_private       ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                    : is_certificate ? read_certificate(bio)
                                     : read_public(bio);
    BIO_free(bio);
    ERR_clear_error();
    if (!key)
        return objection_say(error, error_size,
                             is_private ? "is PEM that cannot be read: it is damaged, or it has a "
                                          "password, which nobody is asked for"
                                        : "is PEM that cannot be read: it is damaged");
    *ret_key = key;
    return 0;
}

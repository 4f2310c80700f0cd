#ifndef LIFEECHO_COPENSSL_SHIM_H
#define LIFEECHO_COPENSSL_SHIM_H

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* --- Transport: a BIO over memory that Swift owns ---------------------------------------------------------------- */

/* What one call of libssl may read and where it may write. Set before the call, cleared after it. libssl copies from
   and to it directly, which a memory BIO would do twice. */
typedef struct {
  const uint8_t *input;
  size_t input_count;
  uint8_t *output;
  size_t output_count;
  size_t output_capacity;
  /* Handshake messages received since it was last set to 0. */
  uint32_t handshake_messages;
} lifeecho_tls_bytes;

static int lifeecho_tls_bio_read(BIO *bio, char *target, size_t capacity, size_t *taken) {
  lifeecho_tls_bytes *bytes = (lifeecho_tls_bytes *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *taken = 0;
  if (bytes == NULL || bytes->input_count == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  size_t count = capacity < bytes->input_count ? capacity : bytes->input_count;
  memcpy(target, bytes->input, count);
  bytes->input += count;
  bytes->input_count -= count;
  *taken = count;
  return 1;
}

static int lifeecho_tls_bio_write(BIO *bio, const char *source, size_t count, size_t *taken) {
  lifeecho_tls_bytes *bytes = (lifeecho_tls_bytes *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  *taken = 0;
  size_t room = bytes == NULL ? 0 : bytes->output_capacity - bytes->output_count;
  if (room == 0 && count > 0) {
    BIO_set_retry_write(bio);
    return 0;
  }
  if (count > room) count = room;
  memcpy(bytes->output + bytes->output_count, source, count);
  bytes->output_count += count;
  *taken = count;
  return 1;
}

static long lifeecho_tls_bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP ? 1 : 0;
}

static int lifeecho_tls_bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/* The table of such BIOs: made once, never freed. NULL without memory. */
static inline BIO_METHOD *lifeecho_tls_bio_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bytes");
  if (method == NULL) return NULL;
  if (BIO_meth_set_read_ex(method, lifeecho_tls_bio_read) && BIO_meth_set_write_ex(method, lifeecho_tls_bio_write) &&
      BIO_meth_set_ctrl(method, lifeecho_tls_bio_control) && BIO_meth_set_create(method, lifeecho_tls_bio_create))
    return method;
  BIO_meth_free(method);
  return NULL;
}

static void lifeecho_tls_message(int is_write, int version, int type, const void *content, size_t count, SSL *ssl,
                                 void *argument) {
  (void)version;
  (void)content;
  (void)count;
  (void)ssl;
  if (!is_write && type == SSL3_RT_HANDSHAKE && argument != NULL)
    ((lifeecho_tls_bytes *)argument)->handshake_messages++;
}

/* Joins a connection to its bytes, which must outlive it. 0 without memory. */
static inline int lifeecho_tls_attach(SSL *ssl, BIO_METHOD *method, lifeecho_tls_bytes *bytes) {
  BIO *bio = BIO_new(method);
  if (bio == NULL) return 0;
  BIO_set_data(bio, bytes);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_msg_callback_arg(ssl, bytes);
  return 1;
}

/* --- ALPN -------------------------------------------------------------------------------------------------------- */

/* Names, each after its length (RFC 7301 §3.1), best first. */
typedef struct {
  const uint8_t *names;
  uint32_t count;
} lifeecho_tls_alpn;

static int lifeecho_tls_select(SSL *ssl, const unsigned char **out, unsigned char *out_count,
                               const unsigned char *offered, unsigned int offered_count, void *argument) {
  (void)ssl;
  const lifeecho_tls_alpn *taken = (const lifeecho_tls_alpn *)argument;
  unsigned char *selected = NULL;
  if (SSL_select_next_proto(&selected, out_count, taken->names, taken->count, offered, offered_count) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

/* A client that offers nothing is refused like one that offers nothing we take. */
static int lifeecho_tls_require_alpn(SSL *ssl, int *alert, void *argument) {
  (void)argument;
  const unsigned char *content = NULL;
  size_t count = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &content, &count))
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

/* `taken` must outlive the context and its connections. */
static inline void lifeecho_tls_set_server_alpn(SSL_CTX *context, lifeecho_tls_alpn *taken, int is_required) {
  SSL_CTX_set_alpn_select_cb(context, lifeecho_tls_select, taken);
  if (is_required) SSL_CTX_set_client_hello_cb(context, lifeecho_tls_require_alpn, NULL);
}

/* --- Contexts ---------------------------------------------------------------------------------------------------- */

/* libcrypto would ask on the terminal. */
static int lifeecho_tls_no_passphrase(char *buffer, int capacity, int is_write, void *argument) {
  (void)buffer;
  (void)capacity;
  (void)is_write;
  (void)argument;
  return -1;
}

/* What every context has in common; 0 with the reason in the error queue. */
static inline int lifeecho_tls_harden(SSL_CTX *context, const char *ciphers_1_2, const char *groups) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context,
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_msg_callback(context, lifeecho_tls_message);
  SSL_CTX_set_default_passwd_cb(context, lifeecho_tls_no_passphrase);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) && SSL_CTX_set_cipher_list(context, ciphers_1_2) &&
         SSL_CTX_set1_groups_list(context, groups);
}

static inline void lifeecho_tls_disable_session_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline int lifeecho_tls_set_sni(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

/* 0 when the file can be opened for reading, or an errno. */
static inline int lifeecho_tls_probe_file(const char *path) {
  errno = 0;
  FILE *file = fopen(path, "r");
  if (file == NULL) return errno == 0 ? EIO : errno;
  int byte = fgetc(file);
  int problem = byte == EOF && ferror(file) ? errno : 0;
  fclose(file);
  return problem;
}

/* Seconds since 1970 after which the context's certificate is not valid; 0 when it has none. */
static inline int64_t lifeecho_tls_certificate_end(SSL_CTX *context) {
  X509 *certificate = SSL_CTX_get0_certificate(context);
  struct tm end;
  if (certificate == NULL || !ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end)) return 0;
  return (int64_t)timegm(&end);
}

/* --- Errors ------------------------------------------------------------------------------------------------------ */

static inline int lifeecho_tls_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int lifeecho_tls_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

#endif

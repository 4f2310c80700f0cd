#ifndef LIFEECHO_CNGHTTP2_SHIM_H
#define LIFEECHO_CNGHTTP2_SHIM_H
#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* nghttp2 1.60 deprecates the ssize_t functions in favour of "2" ones. These wrappers have one name and one type
   (ptrdiff_t) for both, so the Swift side does not depend on the version of the library. */
#if NGHTTP2_VERSION_NUM >= 0x013c00
#define LIFEECHO_NGHTTP2_MODERN 1
#endif

static inline ptrdiff_t lifeecho_session_receive(nghttp2_session *session, const uint8_t *bytes, size_t count) {
#ifdef LIFEECHO_NGHTTP2_MODERN
  return nghttp2_session_mem_recv2(session, bytes, count);
#else
  return nghttp2_session_mem_recv(session, bytes, count);
#endif
}

static inline ptrdiff_t lifeecho_session_send(nghttp2_session *session, const uint8_t **bytes) {
#ifdef LIFEECHO_NGHTTP2_MODERN
  return nghttp2_session_mem_send2(session, bytes);
#else
  return nghttp2_session_mem_send(session, bytes);
#endif
}

/* A read callback of a DATA source; `stream` is the pointer given to lifeecho_submit_response/_request. */
typedef ptrdiff_t (*lifeecho_read_callback)(nghttp2_session *session, int32_t stream_id, uint8_t *buffer,
                                            size_t capacity, uint32_t *data_flags, nghttp2_data_source *source,
                                            void *user_data);

static inline int lifeecho_submit_response(nghttp2_session *session, int32_t stream_id, const nghttp2_nv *fields,
                                           size_t count, void *stream, lifeecho_read_callback read) {
#ifdef LIFEECHO_NGHTTP2_MODERN
  nghttp2_data_provider2 provider = {{0}, read};
  provider.source.ptr = stream;
  return nghttp2_submit_response2(session, stream_id, fields, count, &provider);
#else
  nghttp2_data_provider provider = {{0}, read};
  provider.source.ptr = stream;
  return nghttp2_submit_response(session, stream_id, fields, count, &provider);
#endif
}

/* Headers that end the stream at once (a trailers-only response). */
static inline int lifeecho_submit_final_headers(nghttp2_session *session, int32_t stream_id, const nghttp2_nv *fields,
                                                size_t count) {
#ifdef LIFEECHO_NGHTTP2_MODERN
  return nghttp2_submit_response2(session, stream_id, fields, count, NULL);
#else
  return nghttp2_submit_response(session, stream_id, fields, count, NULL);
#endif
}

/* `read` NULL: the request has no body. Returns the stream id or a negative error. */
static inline int32_t lifeecho_submit_request(nghttp2_session *session, const nghttp2_nv *fields, size_t count,
                                              void *stream, lifeecho_read_callback read) {
#ifdef LIFEECHO_NGHTTP2_MODERN
  nghttp2_data_provider2 provider = {{0}, read};
  provider.source.ptr = stream;
  return nghttp2_submit_request2(session, NULL, fields, count, read ? &provider : NULL, stream);
#else
  nghttp2_data_provider provider = {{0}, read};
  provider.source.ptr = stream;
  return nghttp2_submit_request(session, NULL, fields, count, read ? &provider : NULL, stream);
#endif
}

/* Equal share for all streams of one urgency (RFC 9218 incremental); what the client signals is ignored. */
static inline int lifeecho_session_share_fairly(nghttp2_session *session, int32_t stream_id) {
  nghttp2_extpri priority = {NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  return nghttp2_session_change_extpri_stream_priority(session, stream_id, &priority, 1);
}
#endif

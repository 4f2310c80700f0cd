#ifndef LIFEECHO_CZLIB_SHIM_H
#define LIFEECHO_CZLIB_SHIM_H
#include <zlib.h>

/* The library's initialisers are macros that pass the version and the size of z_stream. Negative window bits mean raw
   deflate (RFC 1951), which is what RFC 7692 carries. */
static inline int lifeecho_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
  return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}

static inline int lifeecho_inflate_init(z_stream *stream, int window_bits) {
  return inflateInit2(stream, -window_bits);
}
#endif

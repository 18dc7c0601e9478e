#include <zlib.h>

// Macros that Swift cannot see.
static inline int varve_deflate_init_gzip(z_stream *s, int level) {
    return deflateInit2(s, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
static inline int varve_inflate_init_gzip(z_stream *s) {
    return inflateInit2(s, 15 + 16);
}

#include <malloc.h>

// Buffers of up to 32 MiB come from one heap, and what is freed stays for the next one.
static inline void varve_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
}

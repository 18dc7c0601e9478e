#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

// Buffers of up to 32 MiB come from one heap, and what is freed stays for the next one. No large
// pages are asked for: a virtual machine that has been idle gets each anew from its host, which
// costs more than the faults that they save: to touch 40 MB of them takes 4 ms, but cold 35 to 90;
// of small ones 19 and 25.
static inline void varve_keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, 1 << 20);
}

// sync_file_range(2), which <fcntl.h> declares for GNU's own programs alone.
extern int sync_file_range(int file, int64_t offset, int64_t count, unsigned int flags);

// Begins to write a part of a file to its disk, and does not wait. In vain where a file system
// cannot: what counts is fsync.
static inline void varve_begin_writing(int file, int64_t offset, int64_t count) {
    (void)sync_file_range(file, offset, count, 2 /* SYNC_FILE_RANGE_WRITE */);
}

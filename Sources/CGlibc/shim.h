#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

// Buffers of up to 32 MiB come from one heap, and what is freed stays for the next one. The heap's
// first part is asked for at once, in large pages where the system has them: a sixth of the page
// faults. What is never touched takes no memory. Where the system refuses, small pages do.
static inline void varve_keep_freed_memory(void) {
    const size_t part = (size_t)64 << 20;
    const uintptr_t page = (uintptr_t)2 << 20;
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TOP_PAD, (int)part);
    // Volatile, or the compiler leaves both calls out.
    void *volatile first = malloc((size_t)1 << 20);
    free(first);
    mallopt(M_TOP_PAD, 1 << 20);
    uintptr_t start = ((uintptr_t)first + page - 1) & ~(page - 1);
    madvise((void *)start, part - page, MADV_HUGEPAGE);
}

// sync_file_range(2), which <fcntl.h> declares for GNU's own programs alone.
extern int sync_file_range(int file, int64_t offset, int64_t count, unsigned int flags);

// Begins to write a part of a file to its disk, and does not wait. In vain where a file system
// cannot: what counts is fsync.
static inline void varve_begin_writing(int file, int64_t offset, int64_t count) {
    (void)sync_file_range(file, offset, count, 2 /* SYNC_FILE_RANGE_WRITE */);
}

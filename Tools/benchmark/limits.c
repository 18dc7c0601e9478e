// Measures what this machine can do at most, for Tools/bench.
// Compile: cc -O3 limits.c -lcrypto -llz4 -lz
//
//   limits machine FILE        MB/s of SHA-256, LZ4, memcpy and gzip -6 on the file's first 64 MiB
//   limits floor ITEMS PACK... seconds that SHA-256 and LZ4 alone take to verify these packs
//
// Prints "name value" lines. One thread.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <lz4.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { BLOCK = 256 * 1024, MESSAGE = 160, SAMPLE = 64 << 20, PLAIN_MAX = 64 << 20 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void fail(const char *what, const char *where) {
    fprintf(stderr, "limits: %s: %s\n", what, where);
    exit(1);
}

static unsigned char *read_file(const char *path, size_t most, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot open", path);
    fseek(file, 0, SEEK_END);
    size_t length = ftell(file);
    rewind(file);
    if (length > most) length = most;
    unsigned char *bytes = malloc(length + 1);
    if (!bytes || fread(bytes, 1, length, file) != length) fail("cannot read", path);
    fclose(file);
    *size = length;
    return bytes;
}

// Keeps the compiler from dropping work whose result is not used.
static volatile unsigned char sink;

static void hash(const unsigned char *bytes, size_t size) {
    unsigned char digest[32];
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, size);
    SHA256_Final(digest, &context);
    sink ^= digest[0];
}

static void report(const char *name, size_t bytes, double seconds) {
    printf("%s %.1f\n", name, bytes / seconds / 1e6);
}

static void machine(const char *path) {
    size_t size;
    unsigned char *bytes = read_file(path, SAMPLE, &size);
    if (size < BLOCK) fail("too short", path);
    unsigned char *copy = malloc(size);
    memset(copy, 1, size);
    double start = now();
    for (int i = 0; i < 8; i++) memcpy(copy, bytes, size), sink ^= copy[i];
    report("memcpy", size * 8, now() - start);

    start = now();
    hash(bytes, size);
    report("sha256", size, now() - start);

    size_t messages = size / MESSAGE;
    start = now();
    for (size_t i = 0; i < messages; i++) hash(bytes + i * MESSAGE, MESSAGE);
    double seconds = now() - start;
    report("sha256_160", messages * MESSAGE, seconds);
    printf("sha256_160_ns %.1f\n", seconds / messages * 1e9);

    size_t blocks = size / BLOCK, stored = 0;
    int room = LZ4_compressBound(BLOCK);
    char *packed = malloc(blocks * room);
    memset(packed, 1, blocks * room);
    int *sizes = malloc(blocks * sizeof *sizes);
    start = now();
    for (size_t i = 0; i < blocks; i++) {
        sizes[i] = LZ4_compress_default(
            (const char *)bytes + i * BLOCK, packed + i * room, BLOCK, room);
        stored += sizes[i];
    }
    report("lz4_compress", blocks * BLOCK, now() - start);
    start = now();
    for (size_t i = 0; i < blocks; i++)
        if (LZ4_decompress_safe(packed + i * room, (char *)copy, sizes[i], BLOCK) != BLOCK)
            fail("LZ4 did not give the block back", path);
    report("lz4_decompress", blocks * BLOCK, now() - start);
    printf("lz4_ratio %.2f\n", (double)(blocks * BLOCK) / stored);

    size_t part = size < (16 << 20) ? size : (16 << 20);
    uLongf length = compressBound(part);
    start = now();
    if (compress2((Bytef *)packed, &length, bytes, part, 6) != Z_OK) fail("zlib failed", path);
    report("gzip_6", part, now() - start);
}

static uint32_t u32(const unsigned char *at) {
    return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

// Spec 08: a pack is a header of 48 bytes, blob records, an index, a footer of 24 bytes.
static void pack(const char *path, unsigned char *plain, size_t *stored, size_t *unpacked) {
    size_t size;
    unsigned char *bytes = read_file(path, (size_t)1 << 31, &size);
    if (size < 72 || memcmp(bytes, "VARVEPK1", 8)) fail("not a pack", path);
    hash(bytes, size);
    size_t end = u32(bytes + size - 24), at = 48;
    while (at + 52 <= end) {
        const unsigned char *record = bytes + at;
        uint32_t length = u32(record + 8), wide = u32(record + 12);
        if (memcmp(record, "VBLB", 4) || wide > PLAIN_MAX || length > end - at - 52)
            fail("not a blob record", path);
        if (record[5] == 1) {
            int got = LZ4_decompress_safe(
                (const char *)record + 52, (char *)plain, length, PLAIN_MAX);
            if (got != (int)wide) fail("LZ4 does not unpack", path);
            hash(plain, wide);
        } else {
            hash(record + 52, wide);
        }
        *unpacked += wide;
        at += 52 + length;
    }
    *stored += size;
    free(bytes);
}

static void floor_of(size_t items, int count, char **paths) {
    unsigned char *plain = malloc(PLAIN_MAX);
    memset(plain, 1, 4 << 20);
    size_t stored = 0, unpacked = 0;
    double start = now();
    for (int i = 0; i < count; i++) pack(paths[i], plain, &stored, &unpacked);
    double packs = now() - start;
    // The proof of a state hashes every item: its key and value, here 160 bytes.
    start = now();
    for (size_t i = 0; i < items; i++) hash(plain + i % 4096 * MESSAGE, MESSAGE);
    printf("packs_seconds %.4f\nitems_seconds %.4f\nstored %zu\nplain %zu\n", packs,
           now() - start, stored, unpacked);
}

int main(int count, char **arguments) {
    if (count == 3 && !strcmp(arguments[1], "machine")) {
        machine(arguments[2]);
    } else if (count >= 4 && !strcmp(arguments[1], "floor")) {
        floor_of(strtoull(arguments[2], NULL, 10), count - 3, arguments + 3);
    } else {
        fprintf(stderr, "usage: limits machine FILE | limits floor ITEMS PACK...\n");
        return 2;
    }
    return 0;
}

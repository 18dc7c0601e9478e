internal import CLZ4

/// LZ4 blocks (no frames), as Spec 08 stores blobs.
public enum LZ4 {
    /// How hard to look for matches. The result decompresses alike; only writers choose.
    public enum Effort: Sendable { case fast, high }

    /// The library's version, such as "1.9.4": another one may compress to other bytes.
    public static var version: String { unsafe String(cString: LZ4_versionString()) }

    /// Appends the compressed block to `output`.
    /// - Returns: its length, or nil, with `output` as it was, if it would not be shorter.
    public static func compress(
        _ bytes: RawSpan, into output: inout ByteWriter, effort: Effort = .fast
    ) -> Int? {
        guard bytes.byteCount > 0, bytes.byteCount <= Int(LZ4_MAX_INPUT_SIZE) else { return nil }
        let room = Int(LZ4_compressBound(Int32(bytes.byteCount)))
        let written = unsafe output.appendUninitialized(atMost: room) { target in
            unsafe bytes.withUnsafeBytes { source in
                let from = unsafe source.baseAddress!.assumingMemoryBound(to: CChar.self)
                let to = unsafe target.assumingMemoryBound(to: CChar.self)
                let size = Int32(bytes.byteCount)
                switch effort {
                case .fast:
                    return unsafe Int(LZ4_compress_default(from, to, size, Int32(room)))
                case .high:
                    return unsafe Int(
                        LZ4_compress_HC(from, to, size, Int32(room), Int32(LZ4HC_CLEVEL_DEFAULT)))
                }
            }
        }
        if written <= 0 || written >= bytes.byteCount {
            output.truncate(to: output.count - max(written, 0))
            return nil
        }
        return written
    }

    /// Appends the `plainSize` bytes that the block decompresses to.
    /// - Throws: `damaged` if the block is malformed or has another length.
    public static func decompress(
        _ block: RawSpan, plainSize: Int, into output: inout ByteWriter
    ) throws(VarveError) {
        // A block of n bytes expands to less than 255 n + 64: refuse before taking memory.
        guard plainSize >= 0, plainSize / 255 <= block.byteCount + 1 else {
            throw VarveError(.damaged, "a compressed block cannot hold \(plainSize) bytes")
        }
        let written = unsafe output.appendUninitialized(atMost: plainSize) { target in
            unsafe block.withUnsafeBytes { source in
                guard let start = source.baseAddress else { return -1 }
                return unsafe Int(
                    LZ4_decompress_safe(
                        start.assumingMemoryBound(to: CChar.self),
                        target.assumingMemoryBound(to: CChar.self),
                        Int32(source.count), Int32(plainSize)))
            }
        }
        if written != plainSize {
            output.truncate(to: output.count - max(written, 0))
            throw VarveError(.damaged, "a compressed block is malformed")
        }
    }
}

extension ByteWriter {
    /// Lets `body` write up to `room` bytes behind the last one; it returns how many it wrote, a
    /// negative number meaning none and failure.
    @usableFromInline
    mutating func appendUninitialized(
        atMost room: Int, _ body: (UnsafeMutableRawPointer) -> Int
    ) -> Int {
        reserve(room)
        let written = unsafe body(base + _count)
        precondition(written <= room)
        _count += max(written, 0)
        return written
    }
}

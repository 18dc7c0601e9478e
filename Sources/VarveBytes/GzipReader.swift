internal import CZlib

/// Inflates gzip data that comes in parts: one member or several, one after another (RFC 1952).
///
/// Zero bytes behind the last member are padding and ignored, as gzip does; anything else there is
/// an error, so that a damaged file never looks like a shorter one.
///
///     var reader = GzipReader()
///     while let part = … {
///         var used = 0
///         while used < part.byteCount || reader.hasPendingOutput {
///             used += try reader.inflate(part.part(used, …), into: &plain, room: 1 << 20)
///         }
///     }
///     try reader.finish()
///
/// Invariant: `stream` points to a `z_stream` that `inflateInit2` initialised and that this value
/// alone owns. zlib keeps a pointer back to it, so it must not move: it lives on the heap.
@safe
public struct GzipReader: ~Copyable, @unchecked Sendable {
    // Sendable: the memory is owned by this value alone and moves with it.
    private let stream: UnsafeMutablePointer<z_stream>
    /// Compressed bytes consumed so far.
    public private(set) var compressedOffset: Int64 = 0
    /// Whether inflated bytes may wait for room, so that another call without input yields more.
    public private(set) var hasPendingOutput = false
    private var state = State.betweenMembers

    private enum State { case betweenMembers, inMember, padding }

    /// Whether no member is open: the data may end here.
    public var isBetweenMembers: Bool { state != .inMember }
    private var hasSeenMember = false

    public init() {
        unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        let status = unsafe varve_inflate_init_gzip(stream)
        // Fails only without memory, as any allocation may.
        precondition(status == Z_OK)
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Inflates from the start of `input` and appends at most `room` bytes to `output`.
    ///
    /// - Returns: how many bytes of `input` are consumed; the rest must be given again.
    /// - Throws: `invalidInput` with the compressed offset for damaged data.
    public mutating func inflate(
        _ input: RawSpan, into output: inout ByteWriter, room: Int
    ) throws(VarveError) -> Int {
        var used = 0
        if state != .inMember {
            used = try startMember(input)
            if state != .inMember { return used }
        }
        let size = min(input.byteCount - used, 1 << 30)
        let allowed = min(max(room, 0), 1 << 30)
        var status = Z_OK
        var rest = 0
        let written = unsafe output.appendUninitialized(atMost: allowed) { target in
            unsafe input.withUnsafeBytes { source in
                if let start = source.baseAddress {
                    let from = unsafe (start + used).assumingMemoryBound(to: UInt8.self)
                    unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: from)
                }
                unsafe stream.pointee.avail_in = UInt32(size)
                unsafe stream.pointee.next_out = target.assumingMemoryBound(to: UInt8.self)
                unsafe stream.pointee.avail_out = UInt32(allowed)
                status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                rest = unsafe Int(stream.pointee.avail_in)
                let left = unsafe Int(stream.pointee.avail_out)
                unsafe stream.pointee.next_in = nil
                unsafe stream.pointee.next_out = nil
                return allowed - left
            }
        }
        compressedOffset += Int64(size - rest)
        used += size - rest
        switch status {
        case Z_OK, Z_BUF_ERROR:
            hasPendingOutput = written == allowed && allowed > 0
        case Z_STREAM_END:
            hasPendingOutput = false
            state = .betweenMembers
            unsafe inflateReset(stream)
        default:
            throw fault("the gzip data is damaged; make the file again or fetch it again")
        }
        return used
    }

    /// Looks at what stands where a member could start, and opens one or skips padding.
    private mutating func startMember(_ input: RawSpan) throws(VarveError) -> Int {
        var at = 0
        if hasSeenMember {
            while at < input.byteCount, input.byte(at: at) == 0 { at += 1 }
            compressedOffset += Int64(at)
            if at > 0 { state = .padding }
        }
        if at == input.byteCount { return at }
        guard input.byte(at: at) == 0x1f, state != .padding else {
            throw fault(
                hasSeenMember
                    ? "bytes that are not gzip follow the gzip data; the file is damaged"
                    : "this is not gzip data")
        }
        state = .inMember
        hasSeenMember = true
        return at
    }

    /// Requires that the data end here: behind a whole member.
    /// - Throws: `invalidInput` if the data is cut off, or if there was none at all.
    public func finish() throws(VarveError) {
        if state == .inMember || !hasSeenMember {
            throw fault("the gzip data is cut off; make the file again or fetch it again")
        }
    }

    private func fault(_ message: String) -> VarveError {
        VarveError(.invalidInput, message, at: "compressed byte \(compressedOffset)")
    }
}

extension GzipReader {
    /// Whether bytes start as gzip data does.
    public static func recognises(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 2 && bytes.byte(at: 0) == 0x1f && bytes.byte(at: 1) == 0x8b
    }
}

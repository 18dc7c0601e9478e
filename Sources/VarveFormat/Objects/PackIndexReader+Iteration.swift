public import VarveBytes

extension PackIndexReader {
    private static let chunkSize = 4096

    /// Calls `body` with every entry, ascending by id and pack: the pack's ordinal in `packs`, and
    /// where in it the blob lies. Complexity: O(n), in memory that does not grow with n.
    /// - Throws: `damaged`, what reading throws, what `body` throws.
    public func forEach(
        _ body: (_ pack: Int, _ entry: PackEntry) throws(VarveError) -> Void
    ) throws(VarveError) {
        var ids = ByteWriter(capacity: Self.chunkSize * 32)
        var words = ByteWriter(capacity: Self.chunkSize * 20)
        var last: (id: Hash256, ordinal: Int)?
        var start = 0
        while start < blobCount {
            let positions = start..<min(start + Self.chunkSize, blobCount)
            start = positions.upperBound
            ids.removeAll()
            words.removeAll()
            try source.read(shape.idRange(positions), &ids)
            for column in 0..<5 {
                try source.read(shape.columnRange(column, positions), &words)
            }
            try forEach(in: positions, ids.bytes, words.bytes, &last, body)
        }
    }

    private func forEach(
        in positions: Range<Int>, _ ids: RawSpan, _ words: RawSpan,
        _ last: inout (id: Hash256, ordinal: Int)?,
        _ body: (_ pack: Int, _ entry: PackEntry) throws(VarveError) -> Void
    ) throws(VarveError) {
        let count = positions.count
        guard ids.byteCount == 32 * count, words.byteCount == 20 * count else {
            throw VarveError(.damaged, "the pack index ends too early")
        }
        var idCursor = ByteCursor(ids)
        for index in 0..<count {
            let id = try idCursor.hash()
            func word(_ column: Int) throws(VarveError) -> UInt32 {
                var cursor = ByteCursor(words)
                try cursor.skip(4 * (column * count + index))
                return try cursor.u32()
            }
            let entry = try PackEntry(
                id: id, offset: try word(1), storedBytes: try word(2), plainBytes: try word(3),
                kind: try word(4))
            let ordinal = try check(try word(0), entry)
            let position = UInt32(positions.lowerBound + index)
            let first = Int(id.firstByte)
            guard position < fanOut[first], first == 0 || position >= fanOut[first - 1] else {
                throw VarveError(.damaged, "the pack index's fan-out contradicts its ids")
            }
            if let last, (last.id, last.ordinal) >= (id, ordinal) {
                throw VarveError(.damaged, "the pack index is not ascending by id and pack")
            }
            last = (id, ordinal)
            try body(ordinal, entry)
        }
    }

    /// Proves the whole index: its hash, its name, and every rule of its grammar. Complexity: O(n),
    /// in memory that does not grow with n.
    /// - Throws: `damaged`, or what reading throws.
    public func verify(name: Hash256? = nil) throws(VarveError) {
        var hasher = SHA256Hasher()
        var nameHasher = SHA256Hasher()
        var buffer = ByteWriter(capacity: 1 << 16)
        var start = 0
        while start < shape.hashStart {
            let end = min(start + 1 << 16, shape.hashStart)
            buffer.removeAll()
            try source.read(start..<end, &buffer)
            hasher.update(buffer.bytes)
            nameHasher.update(buffer.bytes)
            start = end
        }
        buffer.removeAll()
        try source.read(shape.hashStart..<shape.byteCount, &buffer)
        nameHasher.update(buffer.bytes)
        guard Hash256(bytes: buffer.bytes) == hasher.finish() else {
            throw VarveError(.damaged, "the pack index does not fit the hash at its end")
        }
        if let name, nameHasher.finish() != name {
            throw VarveError(.damaged, "the pack index's bytes do not fit its name")
        }
        var blobs = [Int](repeating: 0, count: packs.count)
        try forEach { (pack, _) throws(VarveError) in blobs[pack] += 1 }
        guard blobs.allSatisfy({ (1...Pack.blobsMax).contains($0) }) else {
            throw VarveError(.damaged, "the pack index lists a pack with no blobs, or too many")
        }
    }
}

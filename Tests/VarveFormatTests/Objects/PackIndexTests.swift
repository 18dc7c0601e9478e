import Testing
import VarveBytes

@testable import VarveFormat

struct PackIndexTests {
    func build(packs: Int, blobs: Int, seed: UInt64) -> (SealedIndex, [SealedPack]) {
        let sealed = (0..<packs).map { buildPack(blobs, seed: seed &* 1000 &+ UInt64($0)) }
        var builder = PackIndexBuilder()
        for pack in sealed { builder.add(pack) }
        return (builder.finish(), sealed)
    }

    /// Every blob of every pack is found, in memory and by ranged reads.
    @Test(arguments: [(1, 1), (1, 200), (5, 30), (40, 300)])
    func findsEveryBlob(packs: Int, blobs: Int) throws {
        let (index, sealed) = build(packs: packs, blobs: blobs, seed: 1)
        #expect(index.name == sha256(index.bytes.raw))
        for cacheBytes in [0, 1 << 30] {
            let reader = try PackIndexReader(
                ByteRanges(index.bytes), name: index.name, cacheBytes: cacheBytes)
            try reader.verify(name: index.name)
            #expect(reader.packs.map(\.name) == sealed.map(\.name).sorted())
            var count = 0
            for pack in sealed {
                for entry in pack.entries {
                    let here = try reader.location(of: entry.id) { $0 == pack.name }
                    #expect(here == BlobLocation(pack: pack.name, entry: entry))
                    #expect(try reader.location(of: entry.id)?.entry.id == entry.id)
                    #expect(try reader.location(of: entry.id) { _ in false } == nil)
                }
                count += pack.entries.count
            }
            #expect(reader.blobCount == count)
            for number in 0..<300 {
                #expect(try reader.location(of: Samples.hash("missing \(number)")) == nil)
            }
            #expect(try reader.location(of: .zero) == nil)
            #expect(try reader.location(of: Hash256(words: (.max, .max, .max, .max))) == nil)
        }
    }

    /// Entries that no pack stands behind, so that a bucket is wider than a window of the search.
    @Test func searchesWideBuckets() throws {
        var generator = Generator(seed: 9)
        var ids: [Hash256] = []
        for index in 0..<20_000 {
            var bytes = generator.bytes(32)
            bytes[0] = index % 3 == 0 ? 0 : 0xff
            // Some are not spread evenly at all.
            if index % 5 == 0 {
                bytes[1] = 0
                bytes[2] = 0
                bytes[3] = 0
            }
            ids.append(Hash256(bytes: bytes.raw)!)
        }
        var builder = PackIndexBuilder()
        let model = buildPack(1, seed: 1).entries[0]
        let size = 100_000
        for part in 0..<4 {
            let entries = try ids[(part * 5000)..<(part * 5000 + 5000)].map {
                id throws(VarveError) in
                try PackEntry(
                    id: id, offset: 48, storedBytes: model.storedBytes,
                    plainBytes: model.plainBytes, kind: model.kind)
            }
            builder.add(pack: Samples.hash("pack \(part)"), size: size, entries: entries)
        }
        let index = builder.finish()
        let reads = Counter()
        let whole = ByteRanges(index.bytes)
        let counted = ByteRanges(byteCount: index.bytes.count) {
            (range, output) throws(VarveError) in
            reads.add()
            output.append(index.bytes.raw.part(range.lowerBound, range.upperBound))
        }
        let reader = try PackIndexReader(counted, cacheBytes: 0)
        reads.reset()
        for (number, id) in ids.enumerated() {
            let location = try reader.location(of: id)
            #expect(location?.pack == Samples.hash("pack \(number / 5000)"))
        }
        #expect(reads.value < ids.count * 12)
        for id in ids.prefix(2000) {
            #expect(try reader.location(of: id &+ Hash256(words: (0, 0, 0, 1))) == nil)
        }
        #expect(try PackIndexReader(whole).location(of: ids[77])?.id == ids[77])
    }

    @Test func merges() throws {
        let (first, packs) = build(packs: 3, blobs: 20, seed: 2)
        var second = PackIndexBuilder()
        second.add(packs[2])
        second.add(buildPack(20, seed: 77))
        let other = second.finish()
        var merged = PackIndexBuilder()
        try merged.add(PackIndexReader(ByteRanges(first.bytes)))
        try merged.add(PackIndexReader(ByteRanges(other.bytes)))
        #expect(merged.packCount == 4)
        var direct = PackIndexBuilder()
        for pack in packs.reversed() { direct.add(pack) }
        direct.add(buildPack(20, seed: 77))
        direct.add(packs[0])
        #expect(merged.byteCount == direct.byteCount)
        let size = merged.byteCount
        let index = merged.finish()
        #expect(index.bytes.count == size)
        #expect(index.bytes == direct.finish().bytes)
        #expect(merged.isEmpty)

        try merged.add(PackIndexReader(ByteRanges(index.bytes)), dropping: [packs[1].name])
        let dropped = try PackIndexReader(ByteRanges(merged.finish().bytes))
        #expect(dropped.packs.count == 3)
        let entry = packs[1].entries[0]
        let remaining = try dropped.location(of: entry.id)
        #expect(remaining?.pack != packs[1].name)
    }

    @Test func listsEntriesInOrder() throws {
        let (index, packs) = build(packs: 30, blobs: 300, seed: 3)
        let reader = try PackIndexReader(ByteRanges(index.bytes), cacheBytes: 0)
        var all: [BlobLocation] = []
        try reader.forEach { (pack, entry) throws(VarveError) in
            all.append(BlobLocation(pack: reader.packs[pack].name, entry: entry))
        }
        let expected = packs.flatMap { pack in
            pack.entries.map { BlobLocation(pack: pack.name, entry: $0) }
        }.sorted { ($0.id, $0.pack) < ($1.id, $1.pack) }
        #expect(all == expected)
    }

    @Test func refusesEveryFlipAndTruncation() throws {
        let (index, _) = build(packs: 2, blobs: 5, seed: 4)
        for at in index.bytes.indices {
            var flipped = index.bytes
            flipped[at] ^= 1 << (at % 8)
            let source = ByteRanges(flipped)
            if errorCode({ () throws(VarveError) in try PackIndexReader(source) }) == nil {
                Issue.record("byte \(at) was not noticed")
            }
            // By ranged reads nothing may trap.
            _ = errorCode { () throws(VarveError) in
                let reader = try PackIndexReader(source, cacheBytes: 0)
                _ = try reader.location(of: Samples.hash("x"))
                try reader.forEach { (_, _) throws(VarveError) in }
            }
        }
        for count in 0..<index.bytes.count {
            let source = ByteRanges(Array(index.bytes[..<count]))
            for cacheBytes in [0, 1 << 20] {
                let code = errorCode { () throws(VarveError) in
                    try PackIndexReader(source, cacheBytes: cacheBytes)
                }
                if code == nil { Issue.record("an index of \(count) bytes was accepted") }
            }
        }
        let other = Samples.hash("another name")
        #expect(throws: VarveError(.damaged, "")) {
            try PackIndexReader(ByteRanges(index.bytes), name: other)
        }
    }

    /// Every byte of the grammar matters even when both hashes fit.
    @Test func readsTheGrammarStrictly() throws {
        let (index, _) = build(packs: 2, blobs: 5, seed: 5)
        for at in 0..<index.bytes.count - 32 {
            var changed = Array(index.bytes.dropLast(32))
            changed[at] ^= 1 << (at % 8)
            changed += sha256(changed.raw).bytes
            guard let reader = try? PackIndexReader(ByteRanges(changed)) else { continue }
            // What is accepted is another index: its entries make the same bytes again.
            var rows: [Int: [PackEntry]] = [:]
            try reader.forEach { (pack, entry) throws(VarveError) in
                rows[pack, default: []].append(entry)
            }
            var builder = PackIndexBuilder()
            for (ordinal, pack) in reader.packs.enumerated() {
                builder.add(pack: pack.name, size: pack.size, entries: rows[ordinal] ?? [])
            }
            #expect(builder.finish().bytes == changed, "byte \(at)")
        }
    }
}

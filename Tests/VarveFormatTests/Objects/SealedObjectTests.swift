import Testing
import VarveBytes
import VarveFormat
import VarveModel

/// The same tests for every type of record.
struct RecordSuite<Record: SealedRecord> {
    let samples: [(String, Record)]

    func run() throws {
        for (name, record) in samples {
            let bytes = try record.seal()
            #expect(try Record(sealed: bytes, name: name) == record, "\(name)")
            #expect(bytes[5] == Record.objectType.rawValue)
            try refusesEveryFlip(bytes)
            try refusesEveryTruncation(bytes)
            try staysCanonicalUnderMutation(bytes)
            try refusesOtherTypes(bytes)
        }
    }

    func accepts(_ bytes: [UInt8]) -> Bool {
        (try? Record(sealed: bytes, name: "object")) != nil
    }

    func refusesEveryFlip(_ bytes: [UInt8]) throws {
        for index in bytes.indices {
            for bit in 0..<8 where bit == index % 8 || index < 56 {
                var flipped = bytes
                flipped[index] ^= 1 << bit
                if accepts(flipped) { Issue.record("bit \(bit) of byte \(index) was not noticed") }
            }
        }
    }

    func refusesEveryTruncation(_ bytes: [UInt8]) throws {
        for count in 0..<bytes.count where accepts(Array(bytes[..<count])) {
            Issue.record("an object of \(count) of \(bytes.count) bytes was accepted")
        }
        #expect(!accepts(bytes + [0]))
    }

    /// With a hash that fits, a changed body is refused or is another value's only encoding.
    func staysCanonicalUnderMutation(_ bytes: [UInt8]) throws {
        let seed: UInt64 = 7
        var generator = Generator(seed: seed)
        let body = Array(bytes[56..<bytes.count - 32])
        for round in 0..<2000 {
            var changed = body
            switch round % 4 {
            case 0: changed[Int.random(in: 0..<body.count, using: &generator)] ^= 1
            case 1:
                let value = UInt8.random(in: 0...255, using: &generator)
                changed[Int.random(in: 0..<body.count, using: &generator)] = value
            case 2: changed.remove(at: Int.random(in: 0..<body.count, using: &generator))
            default:
                let at = Int.random(in: 0...body.count, using: &generator)
                changed.insert(UInt8.random(in: 0...255, using: &generator), at: at)
            }
            let sealed = try SealedObject.seal(Record.objectType) { $0.append(changed) }
            guard let record = try? Record(sealed: sealed, name: "object") else { continue }
            if try record.seal() != sealed {
                Issue.record("seed \(seed) round \(round): bytes that are not canonical")
            }
        }
    }

    func refusesOtherTypes(_ bytes: [UInt8]) throws {
        for type in ObjectType.allCases where type != Record.objectType {
            let body = Array(bytes[56..<bytes.count - 32])
            let sealed = try SealedObject.seal(type) { $0.append(body) }
            #expect(throws: VarveError(.damaged, "")) { try Record(sealed: sealed, name: "x") }
        }
    }
}

struct SealedObjectTests {
    @Test func configurations() throws { try RecordSuite(samples: Samples.configurations).run() }
    @Test func tables() throws { try RecordSuite(samples: Samples.tables).run() }
    @Test func settings() throws { try RecordSuite(samples: Samples.settings).run() }
    @Test func backups() throws { try RecordSuite(samples: Samples.backups).run() }
    @Test func commits() throws { try RecordSuite(samples: Samples.commits).run() }
    @Test func layouts() throws { try RecordSuite(samples: Samples.layouts).run() }
    @Test func intents() throws { try RecordSuite(samples: Samples.intents).run() }
    @Test func retention() throws { try RecordSuite(samples: Samples.retentions).run() }
    @Test func condemned() throws { try RecordSuite(samples: Samples.condemned).run() }
    @Test func leases() throws { try RecordSuite(samples: Samples.leases).run() }
    @Test func keySlots() throws { try RecordSuite(samples: Samples.keySlots).run() }

    /// Header fields with a hash that fits.
    @Test func readsTheHeaderStrictly() throws {
        let good = try Samples.intents[0].1.seal()
        func error(_ change: (inout [UInt8]) -> Void) -> VarveError? {
            var bytes = Array(good[..<(good.count - 32)])
            change(&bytes)
            bytes += sha256(bytes.raw).bytes
            do throws(VarveError) {
                _ = try IntentRecord(sealed: bytes, name: "intents/x")
                return nil
            } catch {
                return error
            }
        }
        #expect(error { _ in } == nil)
        #expect(error { $0[0] = 0 }?.code == .damaged)
        #expect(error { $0[4] = 2 }?.code == .unsupported)
        #expect(error { $0[5] = 9 }?.code == .damaged)
        #expect(error { $0[5] = 99 }?.code == .damaged)
        #expect(error { $0[6] = 1 }?.code == .unsupported)
        for offset in [7, 8, 9, 10, 15, 16, 47, 48, 55] {
            #expect(error { $0[offset] ^= 1 }?.code == .damaged, "offset \(offset)")
        }
        #expect(error { $0[6] = 1 }?.location == "intents/x")
    }

    @Test func holdsTheLimitOfSize() throws {
        let room = SealedObject.sizeMax - 88
        let most = try SealedObject.seal(.intent) { $0.append(repeating: 0, count: room) }
        #expect(most.count == SealedObject.sizeMax)
        #expect(throws: VarveError(.invalidInput, "")) {
            try SealedObject.seal(.intent) { $0.append(repeating: 0, count: room + 1) }
        }
    }
}

/// Rules beyond the grammar: a writer is told `invalidInput`.
struct RecordRuleTests {
    func refuses<Record: SealedRecord>(
        _ record: Record, _ change: (inout Record) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var changed = record
        change(&changed)
        #expect(
            throws: VarveError(.invalidInput, ""), sourceLocation: sourceLocation
        ) { try changed.seal() }
        // And a reader `damaged`, whoever wrote it.
        let bytes = try? SealedObject.seal(Record.objectType) { changed.encodeBody(into: &$0) }
        guard let bytes else { return }
        #expect(throws: VarveError(.damaged, ""), sourceLocation: sourceLocation) {
            try Record(sealed: bytes, name: "object")
        }
    }

    @Test func configurations() {
        let sample = Samples.configurations[0].1
        refuses(sample) { $0.packBytes = 0 }
        refuses(sample) { $0.packBytes = 1 << 31 }
        refuses(sample) { $0.cutKey.removeLast() }
        refuses(sample) { $0.created = .max }
        refuses(sample) { $0.created = Instant.least.microseconds - 1 }
        refuses(sample) { $0.created = Instant.greatest.microseconds + 1_000_000 }
    }

    @Test func configurationsOfEncryptedRepositoriesAreUnsupported() throws {
        let body = try Samples.configurations[0].1.seal()[56...].dropLast(32)
        var changed = Array(body)
        changed[24] = 1
        let sealed = try SealedObject.seal(.configuration) { $0.append(changed) }
        #expect(throws: VarveError(.unsupported, "")) {
            try RepositoryConfiguration(sealed: sealed, name: "config")
        }
    }

    @Test func tables() {
        let sample = Samples.tables[1].1
        refuses(sample) { $0.name = "" }
        refuses(sample) { $0.name = "a b" }
        refuses(sample) { $0.name = String(repeating: "a", count: 256) }
        refuses(sample) { $0.arn = String(repeating: "a", count: 65_536) }
        refuses(sample) {
            $0.keySchema = KeySchema(partition: KeyAttribute(name: "", type: .string))
        }
        refuses(sample) {
            $0.keySchema = KeySchema(
                partition: KeyAttribute(name: "a", type: .string),
                sort: KeyAttribute(name: "a", type: .number))
        }
    }

    @Test func settings() {
        let sample = Samples.settings[1].1
        refuses(sample) { $0.documents.reverse() }
        refuses(sample) { $0.documents[1].kind = $0.documents[0].kind }
        refuses(sample) { $0.documents[0].kind = "" }
        refuses(sample) { $0.documents[0].json = String(repeating: " ", count: 1_048_577) }
        var large = sample
        large.documents[0].json = String(repeating: " ", count: 1_048_576)
        #expect(throws: Never.self) { try large.seal() }
    }

    @Test func commits() {
        let sample = Samples.commits[1].1
        refuses(sample) { $0.logical.to = $0.logical.from - 1 }
        refuses(sample) { $0.logical.checkpoints.reverse() }
        refuses(sample) { $0.logical.checkpoints[1] = $0.logical.checkpoints[0] }
        refuses(sample) { $0.logical.to -= 1_000_000 }
        refuses(sample) { $0.logical.from += 4_000_000 }
        refuses(sample) { $0.logical.sourcePosition = Array(repeating: 0, count: 65_536) }
        refuses(sample) { $0.pieces[0].to = $0.pieces[0].from - 1 }
        refuses(sample) { $0.pieces[0].kind = .image }
        refuses(sample) { $0.inline.removeLast() }
        refuses(sample) { $0.inline[3] ^= 1 }
        let closing = Samples.commits[2].1
        refuses(closing) { $0.logical.beginsRange = true }
        refuses(closing) { $0.logical.to += 1 }
        refuses(closing) { $0.logical.changes = 1 }
        refuses(closing) { $0.logical.changeDigest = Samples.hash("changes") }
        refuses(closing) { $0.logical.checkpoints = [sample.logical.checkpoints[1]] }
        let image = Samples.emptyCommit
        refuses(image) { $0.pieces[0].timeList = .zero }
        refuses(image) {
            $0.pieces[0].from += 1
            $0.pieces[0].to += 1
        }
    }

    @Test func layouts() {
        let sample = Samples.layouts[1].1
        refuses(sample) { $0.number = 0 }
        refuses(sample) { $0.nextSequence = 299 }
        refuses(sample) { $0.ranges.reverse() }
        refuses(sample) { $0.ranges[1].from = Instant(second: $0.ranges[0].to.second - 1)! }
        refuses(sample) { $0.ranges[0].to = Instant(second: $0.ranges[0].from.second - 1)! }
        refuses(sample) {
            $0.ranges[0].lastSequence = 0
            $0.ranges[0].firstSequence = 1
        }
        refuses(sample) { $0.pieces.swapAt(0, 1) }
        refuses(sample) { $0.pieces[1] = $0.pieces[0] }
        refuses(sample) { $0.inline.append(0) }
    }

    @Test func retentions() {
        let sample = Samples.retentions[1].1
        refuses(sample) { $0.days = 3_660_001 }
        refuses(sample) { $0.yearly = .max }
        refuses(sample) { $0.written = .max }
    }

    @Test func condemned() {
        let sample = Samples.condemned[1].1
        refuses(sample) { $0.packs.reverse() }
        refuses(sample) { $0.packs[1] = $0.packs[0] }
    }

    @Test func backups() {
        let sample = Samples.backups[1].1
        refuses(sample) { $0.keepUntil = .max }
        refuses(sample) { $0.name = String(repeating: "a", count: 65_536) }
    }

    @Test func keySlots() {
        let sample = Samples.keySlots[0].1
        refuses(sample) { $0.salt.append(0) }
        refuses(sample) { $0.nonce.append(0) }
        refuses(sample) { $0.wrapped.removeLast() }
    }

    /// A commit's hash covers the logical part and nothing else.
    @Test func commitHashes() {
        let sample = Samples.commits[1].1
        var moved = sample
        moved.pieces = []
        moved.inline = []
        moved.written += 1
        #expect(moved.hash == sample.hash)
        var changed = sample
        changed.logical.changes += 1
        #expect(changed.hash != sample.hash)
    }
}

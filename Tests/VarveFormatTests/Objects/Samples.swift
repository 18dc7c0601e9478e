import Synchronization
import VarveBytes
import VarveFormat
import VarveModel

/// A repeatable generator (SplitMix64) for tests; failures print the seed.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// Records with something in every field, and with nothing in those that may be empty.
enum Samples {
    static func hash(_ text: String) -> Hash256 { sha256(Array(text.utf8).raw) }

    static func identifier<Subject>(_ text: String) -> Identifier<Subject> {
        let bytes = Array(hash(text).bytes[..<16])
        return Identifier(bytes: bytes.raw)!
    }

    static let repository: RepositoryID = identifier("repository")
    static let instant = Instant(second: 1_758_794_400)!
    static let created = instant.microseconds + 123_456

    /// A blob record that is stored plain.
    static func inline(_ text: String) -> [UInt8] {
        var writer = ByteWriter()
        let plain: [UInt8] = [1, UInt8(text.utf8.count)] + Array(text.utf8)
        BlobRecord.append(plain.raw, type: .outlinedValue, to: &writer)
        return writer.takeBytes()
    }

    static func tree(_ entries: UInt64, height: UInt8 = 0) -> TreeReference {
        TreeReference(
            entries: entries, height: height, root: hash("root \(entries)"),
            weight: entries * 100, digest: hash("digest \(entries)"), storedBytes: entries * 17)
    }

    static let configurations: [(String, RepositoryConfiguration)] = [
        (
            "defaults",
            RepositoryConfiguration(
                id: repository, created: created, cutKey: Array(hash("cut").bytes[..<16]))
        ),
        (
            "small packs, before 1970",
            RepositoryConfiguration(
                id: identifier("other"), created: -1, cutKey: Array(repeating: 0, count: 16),
                packBytes: 1)
        ),
    ]

    static let tables: [(String, TableRecord)] = [
        (
            "partition key only",
            TableRecord(
                name: "a", ordinal: 0, arn: "", serviceID: "", created: created,
                keySchema: KeySchema(partition: KeyAttribute(name: "id", type: .string)))
        ),
        (
            "partition and sort key",
            TableRecord(
                name: "Orders_2025.eu-west", ordinal: 300,
                arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/Orders_2025.eu-west",
                serviceID: "b5a1a1a0-7a1f-4b0e-9d4e-0123456789ab", created: created,
                keySchema: KeySchema(
                    partition: KeyAttribute(name: "Kunde ü", type: .number),
                    sort: KeyAttribute(name: "at", type: .binary)))
        ),
    ]

    static let settings: [(String, SettingsRecord)] = [
        ("none", SettingsRecord(time: instant.microseconds, documents: [])),
        (
            "two documents",
            SettingsRecord(
                time: instant.microseconds,
                documents: [
                    SettingsRecord.Document(kind: "DescribeTable", json: "{\"Table\":{}}"),
                    SettingsRecord.Document(kind: "ListTagsOfResource", json: "{\"Tags\":[]}"),
                ])
        ),
    ]

    static let backups: [(String, BackupRecord)] = [
        (
            "kept until deleted",
            BackupRecord(
                id: identifier("backup"), name: "before-migration",
                arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/a/backup/01", kind: .user,
                created: created, instant: instant, keepUntil: nil, commitSequence: 0,
                commitHash: hash("commit"), digest: hash("digest"), items: 541_909,
                bytes: 147_600_000, source: "orders.json.gz")
        ),
        (
            "kept for a day",
            BackupRecord(
                id: identifier("backup 2"), name: "", arn: "", kind: .system, created: created,
                instant: instant, keepUntil: created + 86_400_000_000, commitSequence: 70_000,
                commitHash: hash("commit 2"), digest: .zero, items: 0, bytes: 0, source: "")
        ),
    ]

    static let emptyCommit = CommitRecord(
        logical: CommitRecord.Logical(
            table: tables[0].1.id(in: repository), sequence: 0, before: tables[0].1.hash,
            beginsRange: true, isExactAtCheckpointsOnly: false, from: instant.microseconds,
            to: instant.microseconds,
            checkpoints: [
                CommitRecord.Checkpoint(
                    instant: instant, changes: 0, items: 0, bytes: 0, digest: .zero)
            ],
            changes: 0, items: 0, bytes: 0, digest: .zero, changeDigest: .zero),
        written: created, pieces: [.image(at: instant, .empty)], inline: [])

    static let commits: [(String, CommitRecord)] = [
        ("begins a range with the empty table", emptyCommit),
        (
            "two seconds of changes, in line",
            CommitRecord(
                logical: CommitRecord.Logical(
                    table: tables[0].1.id(in: repository), sequence: 1,
                    before: emptyCommit.hash, beginsRange: false,
                    isExactAtCheckpointsOnly: true, from: instant.microseconds,
                    to: instant.microseconds + 10_000_000,
                    checkpoints: [
                        CommitRecord.Checkpoint(
                            instant: Instant(second: instant.second + 3)!, changes: 200,
                            items: 150, bytes: 15_000, digest: hash("at 3")),
                        CommitRecord.Checkpoint(
                            instant: Instant(second: instant.second + 10)!, changes: 1,
                            items: 149, bytes: 14_900, digest: hash("at 10")),
                    ],
                    changes: 201, items: 149, bytes: 14_900, digest: hash("at 10"),
                    changeDigest: hash("changes"), sourceKind: "stream",
                    sourcePosition: [0, 1, 255]),
                written: created,
                pieces: [
                    Piece(
                        kind: .run, from: instant.microseconds,
                        to: instant.microseconds + 10_000_000, tree: tree(201, height: 1),
                        timeList: hash("time list"))
                ], inline: inline("hello") + inline("world"))
        ),
        (
            "closes a range",
            CommitRecord(
                logical: CommitRecord.Logical(
                    table: tables[0].1.id(in: repository), sequence: 2,
                    before: hash("commit 1"), beginsRange: false,
                    isExactAtCheckpointsOnly: false, from: instant.microseconds + 10_000_000,
                    to: instant.microseconds + 10_000_000, checkpoints: [], changes: 0,
                    items: 149, bytes: 14_900, digest: hash("at 10"), changeDigest: .zero,
                    sourceKind: "stream", sourcePosition: [1, 97, 5], closesRange: true),
                written: created,
                pieces: [
                    Piece(
                        kind: .run, from: instant.microseconds + 10_000_000,
                        to: instant.microseconds + 10_000_000, tree: .empty)
                ], inline: [])
        ),
        (
            "closes a range that is in doubt",
            CommitRecord(
                logical: CommitRecord.Logical(
                    table: tables[0].1.id(in: repository), sequence: 2,
                    before: hash("commit 1"), beginsRange: false,
                    isExactAtCheckpointsOnly: false, from: instant.microseconds + 4_000_000,
                    to: instant.microseconds + 10_000_000, checkpoints: [], changes: 0,
                    items: 149, bytes: 14_900, digest: hash("at 10"), changeDigest: .zero,
                    sourceKind: "stream", sourcePosition: [1, 97, 5], closesRange: true),
                written: created,
                pieces: [
                    Piece(
                        kind: .run, from: instant.microseconds + 10_000_000,
                        to: instant.microseconds + 10_000_000, tree: .empty)
                ], inline: [])
        ),
    ]

    static let layouts: [(String, LayoutRecord)] = [
        (
            "nothing",
            LayoutRecord(
                table: tables[0].1.id(in: repository), number: 1, written: created,
                nextSequence: 0, before: tables[0].1.hash, ranges: [], pieces: [],
                checkpoints: nil, inline: [])
        ),
        (
            "two ranges",
            LayoutRecord(
                table: tables[0].1.id(in: repository), number: 2, written: created,
                nextSequence: 300, before: hash("commit 299"),
                ranges: [range(0, 10, 0...4), range(10, 3600, 5...299, checkpointsOnly: true)],
                pieces: [
                    .image(at: instant, .empty),
                    Piece(
                        kind: .run, from: instant.microseconds,
                        to: instant.microseconds + 10_000_000, tree: tree(201)),
                    Piece(
                        kind: .run, from: instant.microseconds + 10_000_000,
                        to: instant.microseconds + 3_600_000_000, tree: tree(100_000, height: 2),
                        timeList: hash("time list")),
                    .image(at: Instant(second: instant.second + 3600)!, tree(1000)),
                ], checkpoints: hash("checkpoints"), inline: inline("hello"))
        ),
        (
            "a closed range",
            LayoutRecord(
                table: tables[0].1.id(in: repository), number: 3, written: created,
                nextSequence: 301, before: hash("commit 300"),
                ranges: [range(10, 10, 5...300, isClosed: true)],
                pieces: [.image(at: Instant(second: instant.second + 10)!, .empty)],
                checkpoints: nil, inline: [])
        ),
        (
            "a closed range in doubt",
            LayoutRecord(
                table: tables[0].1.id(in: repository), number: 4, written: created,
                nextSequence: 301, before: hash("commit 300"),
                ranges: [range(0, 10, 5...300, isClosed: true, soundTo: 4)],
                pieces: [
                    .image(at: instant, .empty),
                    Piece(
                        kind: .run, from: instant.microseconds,
                        to: instant.microseconds + 10_000_000, tree: tree(201)),
                ], checkpoints: nil, inline: [])
        ),
    ]

    private static func range(
        _ from: Int64, _ to: Int64, _ sequences: ClosedRange<UInt64>,
        checkpointsOnly: Bool = false, isClosed: Bool = false, soundTo: Int64? = nil
    ) -> LayoutRecord.Range {
        LayoutRecord.Range(
            isExactAtCheckpointsOnly: checkpointsOnly,
            from: Instant(second: instant.second + from)!,
            to: Instant(second: instant.second + to)!, firstSequence: sequences.lowerBound,
            lastSequence: sequences.upperBound, lastHash: hash("commit \(sequences.upperBound)"),
            items: UInt64(to), bytes: UInt64(to * 100), digest: hash("digest \(to)"),
            changeDigest: hash("changes \(to)"), isClosed: isClosed,
            soundTo: soundTo.map { Instant(second: instant.second + $0)! })
    }

    static let intents: [(String, IntentRecord)] = [
        (
            "backup",
            IntentRecord(
                id: identifier("writer"), written: created, purpose: "backup of orders",
                process: "host 4711")
        )
    ]

    static let condemned: [(String, CondemnedRecord)] = [
        ("nothing", CondemnedRecord(written: created, packs: [], indexes: [])),
        (
            "three packs and an index",
            CondemnedRecord(
                written: created, packs: [hash("a"), hash("b"), hash("c")].sorted(),
                indexes: [hash("d")])
        ),
    ]

    static let retentions: [(String, RetentionRecord)] = [
        ("everything", RetentionRecord(written: created)),
        (
            "a window and thinning, on purpose shorter",
            RetentionRecord(
                written: created, endsEarlierPromises: true, days: 35, hourly: 300, daily: 90,
                weekly: 12, monthly: 36, yearly: 10)
        ),
    ]

    static let leases: [(String, LeaseRecord)] = [
        (
            "a minute",
            LeaseRecord(
                holder: identifier("writer"), written: created, seconds: 60,
                process: "host 4711")
        )
    ]

    static let keySlots: [(String, KeySlotRecord)] = [
        (
            "scrypt",
            KeySlotRecord(
                logarithmN: 17, blockSize: 8, parallelism: 1, salt: hash("salt").bytes,
                nonce: Array(hash("nonce").bytes[..<12]),
                wrapped: Array((hash("k").bytes + hash("ey").bytes)[..<48]), label: "laptop")
        )
    ]
}

/// Counts from any thread.
final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
    func reset() { count.withLock { $0 = 0 } }
}

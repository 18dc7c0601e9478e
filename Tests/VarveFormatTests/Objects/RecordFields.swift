import Testing
import VarveBytes
import VarveFormat
import VarveModel

struct ConfigurationFields: RecordFields {
    var repositoryID: String
    var created: Int64
    var idScheme: UInt8
    var cutKey: String
    var packBytes: UInt64

    init(_ record: RepositoryConfiguration) {
        repositoryID = record.id.description
        created = record.created
        idScheme = 0
        cutKey = record.cutKey.raw.hexadecimal
        packBytes = record.packBytes
    }

    func record() throws -> RepositoryConfiguration {
        #expect(idScheme == 0)
        return RepositoryConfiguration(
            id: try parse(identifier: repositoryID), created: created,
            cutKey: try parse(bytes: cutKey), packBytes: packBytes)
    }
}

struct TableFields: RecordFields {
    struct Attribute: Codable, Equatable {
        var name: String
        var type: UInt8
    }

    var name: String
    var ordinal: UInt64
    var arn: String
    var serviceID: String
    var created: Int64
    var keyAttributes: [Attribute]
    /// Not in the bytes: what they give.
    var hash: String

    init(_ record: TableRecord) {
        name = record.name
        ordinal = record.ordinal
        arn = record.arn
        serviceID = record.serviceID
        created = record.created
        keyAttributes = [record.keySchema.partition, record.keySchema.sort].compactMap { $0 }
            .map { Attribute(name: $0.name, type: $0.type.rawValue) }
        hash = record.hash.description
    }

    func record() throws -> TableRecord {
        let attributes = try keyAttributes.map {
            KeyAttribute(name: $0.name, type: try #require(AttributeType(rawValue: $0.type)))
        }
        return TableRecord(
            name: name, ordinal: ordinal, arn: arn, serviceID: serviceID, created: created,
            keySchema: KeySchema(
                partition: attributes[0], sort: attributes.count > 1 ? attributes[1] : nil))
    }
}

struct SettingsFields: RecordFields {
    struct Document: Codable, Equatable {
        var kind: String
        var json: String
    }

    var time: Int64
    var documents: [Document]

    init(_ record: SettingsRecord) {
        time = record.time
        documents = record.documents.map { Document(kind: $0.kind, json: $0.json) }
    }

    func record() throws -> SettingsRecord {
        SettingsRecord(
            time: time,
            documents: documents.map { SettingsRecord.Document(kind: $0.kind, json: $0.json) })
    }
}

struct BackupFields: RecordFields {
    var id: String
    var name: String
    var arn: String
    var kind: UInt8
    var created: Int64
    var instant: Int64
    var keepUntil: Int64
    var commitSequence: UInt64
    var commitHash: String
    var digest: String
    var items: UInt64
    var bytes: UInt64
    var source: String

    init(_ record: BackupRecord) {
        id = record.id.description
        name = record.name
        arn = record.arn
        kind = record.kind.rawValue
        created = record.created
        instant = record.instant.microseconds
        keepUntil = record.keepUntil ?? 0
        commitSequence = record.commitSequence
        commitHash = record.commitHash.description
        digest = record.digest.description
        items = record.items
        bytes = record.bytes
        source = record.source
    }

    func record() throws -> BackupRecord {
        BackupRecord(
            id: try parse(identifier: id), name: name, arn: arn,
            kind: try #require(BackupRecord.Kind(rawValue: kind)), created: created,
            instant: try parse(instant: instant), keepUntil: keepUntil == 0 ? nil : keepUntil,
            commitSequence: commitSequence, commitHash: try parse(hash: commitHash),
            digest: try parse(hash: digest), items: items, bytes: bytes, source: source)
    }
}

struct TreeFields: Codable, Equatable {
    var entries: UInt64
    var height: UInt8
    var root: String
    var weight: UInt64
    var digest: String
    var storedBytes: UInt64

    init(_ tree: TreeReference) {
        entries = tree.entries
        height = tree.height
        root = tree.root.description
        weight = tree.weight
        digest = tree.digest.description
        storedBytes = tree.storedBytes
    }

    func tree() throws -> TreeReference {
        TreeReference(
            entries: entries, height: height, root: try parse(hash: root), weight: weight,
            digest: try parse(hash: digest), storedBytes: storedBytes)
    }
}

struct PieceFields: Codable, Equatable {
    var kind: UInt8
    var from: Int64
    var to: Int64
    var tree: TreeFields
    var timeLists: [String]

    init(_ piece: Piece) {
        kind = piece.kind.rawValue
        from = piece.from
        to = piece.to
        tree = TreeFields(piece.tree)
        timeLists = piece.timeList.map { [$0.description] } ?? []
    }

    func piece() throws -> Piece {
        Piece(
            kind: try #require(Piece.Kind(rawValue: kind)), from: from, to: to,
            tree: try tree.tree(), timeList: try timeLists.first.map(parse(hash:)))
    }
}

struct CommitFields: RecordFields {
    struct Checkpoint: Codable, Equatable {
        var second: Int64
        var changes: UInt64
        var items: UInt64
        var bytes: UInt64
        var digest: String
    }

    var table: String
    var sequence: UInt64
    var before: String
    var flags: UInt8
    var from: Int64
    var to: Int64
    var checkpoints: [Checkpoint]
    var changes: UInt64
    var items: UInt64
    var bytes: UInt64
    var digest: String
    var changeDigest: String
    var sourceKind: String
    var sourcePosition: String
    var written: Int64
    var pieces: [PieceFields]
    var inline: String
    /// Not in the bytes: what they give.
    var hash: String

    init(_ record: CommitRecord) {
        let logical = record.logical
        table = logical.table.description
        sequence = logical.sequence
        before = logical.before.description
        flags = (logical.beginsRange ? 1 : 0) | (logical.isExactAtCheckpointsOnly ? 2 : 0)
            | (logical.closesRange ? 4 : 0)
        from = logical.from
        to = logical.to
        checkpoints = logical.checkpoints.map {
            Checkpoint(
                second: $0.instant.second, changes: $0.changes, items: $0.items,
                bytes: $0.bytes, digest: $0.digest.description)
        }
        changes = logical.changes
        items = logical.items
        bytes = logical.bytes
        digest = logical.digest.description
        changeDigest = logical.changeDigest.description
        sourceKind = logical.sourceKind
        sourcePosition = logical.sourcePosition.raw.hexadecimal
        written = record.written
        pieces = record.pieces.map(PieceFields.init)
        inline = record.inline.raw.hexadecimal
        hash = record.hash.description
    }

    func record() throws -> CommitRecord {
        let logical = CommitRecord.Logical(
            table: try parse(identifier: table), sequence: sequence,
            before: try parse(hash: before), beginsRange: flags & 1 != 0,
            isExactAtCheckpointsOnly: flags & 2 != 0, from: from, to: to,
            checkpoints: try checkpoints.map {
                CommitRecord.Checkpoint(
                    instant: try #require(Instant(second: $0.second)), changes: $0.changes,
                    items: $0.items, bytes: $0.bytes, digest: try parse(hash: $0.digest))
            },
            changes: changes, items: items, bytes: bytes, digest: try parse(hash: digest),
            changeDigest: try parse(hash: changeDigest), sourceKind: sourceKind,
            sourcePosition: try parse(bytes: sourcePosition), closesRange: flags & 4 != 0)
        return CommitRecord(
            logical: logical, written: written, pieces: try pieces.map { try $0.piece() },
            inline: try parse(bytes: inline))
    }
}

struct LayoutFields: RecordFields {
    struct Range: Codable, Equatable {
        var flags: UInt8
        var from: Int64
        var to: Int64
        var firstSequence: UInt64
        var lastSequence: UInt64
        var lastHash: String
        var items: UInt64
        var bytes: UInt64
        var digest: String
        var changeDigest: String
        var soundTo: Int64?
    }

    var table: String
    var number: UInt64
    var written: Int64
    var nextSequence: UInt64
    var before: String
    var ranges: [Range]
    var pieces: [PieceFields]
    var checkpointRoots: [String]
    var inline: String

    init(_ record: LayoutRecord) {
        table = record.table.description
        number = record.number
        written = record.written
        nextSequence = record.nextSequence
        before = record.before.description
        ranges = record.ranges.map {
            Range(
                flags: ($0.isExactAtCheckpointsOnly ? 2 : 0) | ($0.isClosed ? 4 : 0)
                    | ($0.soundTo == nil ? 0 : 8),
                from: $0.from.microseconds,
                to: $0.to.microseconds, firstSequence: $0.firstSequence,
                lastSequence: $0.lastSequence, lastHash: $0.lastHash.description,
                items: $0.items, bytes: $0.bytes, digest: $0.digest.description,
                changeDigest: $0.changeDigest.description,
                soundTo: $0.soundTo?.microseconds)
        }
        pieces = record.pieces.map(PieceFields.init)
        checkpointRoots = record.checkpoints.map { [$0.description] } ?? []
        inline = record.inline.raw.hexadecimal
    }

    func record() throws -> LayoutRecord {
        let ranges = try ranges.map {
            LayoutRecord.Range(
                isExactAtCheckpointsOnly: $0.flags & 2 != 0, from: try parse(instant: $0.from),
                to: try parse(instant: $0.to), firstSequence: $0.firstSequence,
                lastSequence: $0.lastSequence, lastHash: try parse(hash: $0.lastHash),
                items: $0.items, bytes: $0.bytes, digest: try parse(hash: $0.digest),
                changeDigest: try parse(hash: $0.changeDigest), isClosed: $0.flags & 4 != 0,
                soundTo: try $0.soundTo.map { try parse(instant: $0) })
        }
        return LayoutRecord(
            table: try parse(identifier: table), number: number, written: written,
            nextSequence: nextSequence, before: try parse(hash: before), ranges: ranges,
            pieces: try pieces.map { try $0.piece() },
            checkpoints: try checkpointRoots.first.map(parse(hash:)),
            inline: try parse(bytes: inline))
    }
}

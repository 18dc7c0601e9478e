public import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

// Records that are lost, in the terms of their table.

extension Verification {
    /// A table whose record cannot be read: no state of it can be restored until it is repaired.
    func loseTable(_ id: TableID, _ names: Names) {
        let title = lostName(of: id, names) ?? id.description
        let before = report.backups.count
        _ = readBackups(id, title, names.backups)
        for index in report.backups.indices.dropFirst(before) {
            report.backups[index].isAffected = true
        }
        report.damages.append(
            VerificationReport.Damage(
                table: title, tableID: id, piece: "the table's record", blob: nil, afterKey: nil,
                throughKey: nil, backups: names.backups.map(\.id)))
    }

    /// A backup whose record cannot be read.
    func loseBackup(_ backup: BackupID, _ table: TableID, _ title: String) {
        report.damages.append(
            VerificationReport.Damage(
                table: title, tableID: table,
                piece: "the record of backup \(backup.description.prefix(8))", blob: nil,
                afterKey: nil, throughKey: nil, backups: [backup]))
    }

    // MARK: Names

    /// How many pieces of text are tried as a table's name, and incarnations of each.
    private static let candidatesMax = 20_000
    private static let ordinalsMax: UInt64 = 4
    /// How many settings and backups are looked at: each takes thousands of hashes.
    private static let placesMax = 64

    /// The name of a table whose record cannot be read: any piece of text in what is left of the
    /// record, in its backups (an ARN) or settings, that has the table's id. So what is found is no
    /// guess; nil if nothing names the table.
    private func lostName(of id: TableID, _ names: Names) -> String? {
        let places = [ObjectName.table(id).path]
            + (names.settings.map(\.name) + names.backups.map(\.name)).prefix(Self.placesMax)
        for name in places {
            guard let bytes = try? repository.store.readIfPresent(name) else { continue }
            if let found = Self.parts(of: bytes).first(where: { isName($0, of: id) }) {
                return String(decoding: found, as: UTF8.self)
            }
        }
        return nil
    }

    private func isName(_ bytes: [UInt8], of id: TableID) -> Bool {
        let name = String(decoding: bytes, as: UTF8.self)
        return (0..<Self.ordinalsMax).contains { ordinal in
            TableID(repository: repository.configuration.id, name: name, ordinal: ordinal) == id
        }
    }

    /// Pieces of text that may be names, longest first of each beginning.
    private static func parts(of bytes: [UInt8]) -> [[UInt8]] {
        let isPart = bytes.prefix(4_096).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        var parts: [[UInt8]] = []
        for start in isPart.indices where isPart[start] {
            let end = isPart[start...].firstIndex(of: false) ?? isPart.count
            for last in (start + 1...end).reversed() where last - start <= 255 {
                parts.append(Array(bytes[start..<last]))
                if parts.count == candidatesMax { return parts }
            }
        }
        return parts
    }
}

extension Repository {
    /// What a page that cannot be read means: which table's, which keys it holds, and what to do.
    ///
    /// Reads the index pages of the state's trees, and, if a large value is missing, the leaves.
    public func explained(
        _ error: VarveError, restoring plan: StatePlan, of history: TableHistory
    ) -> VarveError {
        guard error.code == .damaged else { return error }
        let place = damagedKeys(error, plan, history).map { ", \($0)" } ?? ""
        let hint =
            "; 'varve verify --read-data' tells which backups are affected, and 'varve repair' "
            + "mends what it can"
        return VarveError(
            .damaged, "table \(history.record.name)\(place): \(error.message)\(hint)",
            at: error.location, cause: error)
    }

    private func damagedKeys(
        _ error: VarveError, _ plan: StatePlan, _ history: TableHistory
    ) -> String? {
        guard let location = error.location, let start = location.firstRange(of: "blob "),
            let blob = Hash256(hexadecimal: String(location[start.upperBound...].prefix(64)))
        else { return nil }
        let check = Verification(self, VerificationOptions()) { _ in }
        check.lostBlobs[blob] = .some(nil)
        let pieces = history.pieces.filter { piece in
            piece.kind == .image
                ? piece.tree.root == plan.image.root
                : plan.runs.contains { $0.tree.root == piece.tree.root }
        }
        // Large values are told by leaves alone, and those take longer to read.
        for values in [[], [blob]] as [Set<Hash256>] {
            for piece in pieces where !piece.tree.isEmpty {
                var sound: Set<Hash256> = []
                var found: [(blob: Hash256, stretch: Verification.Stretch)] = []
                _ = check.collect(
                    piece.tree.root, piece.kind == .image ? .image : .run,
                    level: Int(piece.tree.height), Verification.Stretch(), values,
                    history.record.keySchema, &sound, &found)
                guard let stretch = found.first(where: { $0.blob == blob })?.stretch else {
                    continue
                }
                let schema = history.record.keySchema
                let damage = VerificationReport.Damage(
                    table: "", tableID: history.id, piece: Verification.title(piece), blob: blob,
                    afterKey: check.text(stretch.after, schema),
                    throughKey: check.text(stretch.through, schema), backups: [])
                return "\(damage.piece), \(damage.keysText)"
            }
        }
        return nil
    }
}

import VarveBytes
import VarveFormat
import VarveModel

// What problems mean: which keys of which tables, and which backups.

extension Verification {
    /// Where a page stands: after a key and through another; nil means without end.
    struct Stretch {
        var after: [UInt8]?
        var through: [UInt8]?
    }

    /// Works out the damages from the blobs that cannot be read.
    func assess() {
        let values = Set(lostBlobs.filter { $0.value == .outlinedValue }.keys)
        for table in tables {
            assessPlans(table)
            if lostBlobs.isEmpty { continue }
            var sound: Set<Hash256> = []
            for piece in table.history.pieces where !piece.tree.isEmpty {
                var stretches: [(blob: Hash256, stretch: Stretch)] = []
                let kind: TreeKind = piece.kind == .image ? .image : .run
                _ = collect(
                    piece.tree.root, kind, level: Int(piece.tree.height), Stretch(), values,
                    table.history.record.keySchema, &sound, &stretches)
                for (blob, stretch) in stretches { add(blob, stretch, piece, table) }
            }
        }
        report.isAssessed = true
    }

    /// Backups whose pieces are missing altogether.
    private func assessPlans(_ table: Table) {
        var affected: [BackupID] = []
        for (backup, place) in zip(table.history.backups, table.backups) {
            do throws(VarveError) {
                _ = try table.history.plan(at: backup.instant)
            } catch {
                if !report.backups[place].isAffected {
                    note(ObjectName.backup(table.history.id, backup.id).path, error.message)
                }
                affected.append(backup.id)
                report.backups[place].isAffected = true
            }
        }
        if affected.isEmpty { return }
        report.damages.append(
            VerificationReport.Damage(
                table: table.history.record.name, tableID: table.history.id, piece: "", blob: nil,
                afterKey: nil, throughKey: nil, backups: affected))
    }

    // MARK: Stretches of keys

    /// Collects the stretches of a subtree that cannot be read.
    /// - Parameter sound: pages below which nothing is lost, to be passed over.
    /// - Returns: whether all of it can be read.
    func collect(
        _ id: Hash256, _ kind: TreeKind, level: Int, _ stretch: Stretch, _ values: Set<Hash256>,
        _ schema: KeySchema, _ sound: inout Set<Hash256>,
        _ found: inout [(blob: Hash256, stretch: Stretch)]
    ) -> Bool {
        if sound.contains(id) { return true }
        if lostBlobs[id] != nil {
            found.append((id, stretch))
            return false
        }
        var isSound = true
        if level == 0 {
            isSound = values.isEmpty || collectValues(id, kind, values, schema, &found)
        } else {
            do throws(VarveError) {
                var after = stretch.after
                for child in try repository.blobs.children(of: id, kind: kind, level: level) {
                    let part = Stretch(after: after, through: child.lastKey)
                    if !collect(
                        child.id, kind, level: level - 1, part, values, schema, &sound, &found)
                    {
                        isSound = false
                    }
                    after = child.lastKey
                }
            } catch {
                found.append((id, stretch))
                isSound = false
            }
        }
        if isSound { sound.insert(id) }
        return isSound
    }

    /// Collects the rows of a leaf that need a large value which is lost.
    private func collectValues(
        _ id: Hash256, _ kind: TreeKind, _ values: Set<Hash256>, _ schema: KeySchema,
        _ found: inout [(blob: Hash256, stretch: Stretch)]
    ) -> Bool {
        let before = found.count
        do throws(VarveError) {
            let plain = try repository.blobs.plain(id, as: kind.leafType)
            var page = LeafPageReader(schema: schema)
            try page.open(plain, kind: kind)
            if !page.hasOutlined { return true }
            if kind == .image {
                var rows = RowBuffer(capacity: 1 << 18)
                _ = try page.next(into: &rows)
                try collectValues(rows, values, &found)
            } else {
                var changes = ChangeBuffer(capacity: 1 << 18)
                _ = try page.next(into: &changes)
                try collectValues(changes.rows, values, &found)
            }
        } catch {
            found.append((id, Stretch()))
        }
        return found.count == before
    }

    private func collectValues(
        _ rows: borrowing RowBuffer, _ values: Set<Hash256>,
        _ found: inout [(blob: Hash256, stretch: Stretch)]
    ) throws(VarveError) {
        for index in 0..<rows.count where rows.value(index).byteCount > 0 {
            var walk = try AttributeWalk(rows.value(index))
            while try walk.next() {
                guard walk.tag == RowBuffer.outlinedTag else { continue }
                var cursor = ByteCursor(walk.value)
                try cursor.skip(1)
                _ = try cursor.varint()
                let id = try cursor.hash()
                guard values.contains(id) else { continue }
                let key = rows.keyBytes(index)
                found.append((id, Stretch(after: key, through: key)))
            }
        }
    }

    // MARK: Reporting

    private func add(_ blob: Hash256, _ stretch: Stretch, _ piece: Piece, _ table: Table) {
        if missingValues.remove(blob) != nil {
            lose(blob, .outlinedValue, "a leaf page names it and no pack has it")
        }
        let history = table.history
        var affected: [BackupID] = []
        for (backup, place) in zip(history.backups, table.backups) {
            // A backup without a plan is lost altogether, and told of where states are checked.
            guard let plan = try? history.plan(at: backup.instant) else { continue }
            let isNeeded =
                piece.kind == .image
                ? plan.image.root == piece.tree.root && !plan.image.isEmpty
                : plan.runs.contains { $0.tree.root == piece.tree.root && !$0.tree.isEmpty }
            if !isNeeded { continue }
            affected.append(backup.id)
            report.backups[place].isAffected = true
        }
        report.damages.append(
            VerificationReport.Damage(
                table: history.record.name, tableID: history.id, piece: Self.title(piece),
                blob: blob, afterKey: text(stretch.after, history.record.keySchema),
                throughKey: text(stretch.through, history.record.keySchema), backups: affected))
    }

    static func title(_ piece: Piece) -> String {
        let to = Instant.text(piece.to)
        return piece.kind == .image
            ? "image of \(to)" : "changes from \(Instant.text(piece.from)) to \(to)"
    }

    /// A key as DynamoDB JSON; in hexadecimal if it does not decode.
    func text(_ key: [UInt8]?, _ schema: KeySchema) -> String? {
        guard let key else { return nil }
        var output = ByteWriter(capacity: 256)
        var renderer = ItemRenderer(schema: schema, form: .dynamoDB, isWrapped: false)
        do throws(VarveError) {
            try renderer.append(key: key.raw, to: &output)
        } catch {
            return key.raw.hexadecimal
        }
        return String(decoding: output.copyBytes(), as: UTF8.self)
    }
}

import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

/// For people and for programs.
extension PruningReport {
    /// - Parameter options: with `--verbose` also whole ids.
    func lines(_ options: CommonOptions) -> [String] {
        let would = isDryRun ? "would be " : ""
        let can = isDryRun ? "could" : "can"
        var lines: [String] = []
        for table in tables {
            let gone = table.statesBefore - table.statesAfter
            var facts = FactList()
            if options.verbose { facts.add("id", table.id.description) }
            facts.add(
                "expired",
                table.expired.isEmpty
                    ? nil
                    : table.expired.map { $0.name + (options.verbose ? " (\($0.id))" : "") }
                        .joined(separator: ", "))
            facts.add(
                "states",
                "\(Quantities.count(table.statesAfter)) kept, "
                    + "\(Quantities.count(gone)) \(would)dropped")
            facts.add(
                "laid out",
                table.isLaidOut && table.rewrittenRuns > 0
                    ? "\(Quantities.count(table.rewrittenRuns, "run")) \(would)merged" : nil)
            for range in table.rangesAfter {
                facts.add("stays", range.retentionText)
            }
            if table.leavesNothing {
                facts.add("stays", "nothing: no state of this table \(can) be restored any more")
            }
            for note in table.notes { facts.add("note", note) }
            lines += ["table \(table.name)"] + facts.lines
        }
        let found = collection
        var facts = FactList()
        facts.add("kept", packs(found.keptPacks, found.keptBytes))
        facts.add("\(would)condemned", packs(found.condemnedPacks, found.condemnedBytes))
        facts.add("waiting", packs(found.waitingPacks, found.waitingBytes))
        facts.add("\(would)deleted", packs(found.deletedPacks, found.deletedBytes))
        facts.add("\(would)repacked", packs(found.repackedPacks, found.repackedBytes))
        return lines + (facts.lines.isEmpty ? ["no data is stored"] : ["data"] + facts.lines)
    }

    private func packs(_ count: Int, _ bytes: UInt64) -> String? {
        count == 0 ? nil : "\(Quantities.count(count, "pack")), \(Quantities.bytes(bytes))"
    }

    // MARK: JSON

    var json: JSONValue {
        let found = collection
        return .members([
            "dryRun": .boolean(isDryRun),
            "tables": .array(
                tables.map { table in
                    .members([
                        "table": .string(table.name), "tableId": .string(table.id.description),
                        "expired": .array(table.expired.map(\.json)),
                        "statesBefore": .number(table.statesBefore),
                        "statesAfter": .number(table.statesAfter),
                        "rangesBefore": .array(table.rangesBefore.map(\.retentionJSON)),
                        "rangesAfter": .array(table.rangesAfter.map(\.retentionJSON)),
                        "notes": .array(table.notes.map { .string($0) }),
                        "isLaidOut": .boolean(table.isLaidOut),
                        "leavesNothing": .boolean(table.leavesNothing),
                        "rewrittenRuns": .number(table.rewrittenRuns),
                        "movedImages": .number(table.movedImages),
                    ])
                }),
            "keptPacks": .number(found.keptPacks),
            "keptBytes": .number(found.keptBytes),
            "condemnedPacks": .number(found.condemnedPacks),
            "condemnedBytes": .number(found.condemnedBytes),
            "waitingPacks": .number(found.waitingPacks),
            "waitingBytes": .number(found.waitingBytes),
            "deletedPacks": .number(found.deletedPacks),
            "deletedBytes": .number(found.deletedBytes),
            "rescuedPacks": .number(found.rescuedPacks),
            "repackedPacks": .number(found.repackedPacks),
            "repackedBytes": .number(found.repackedBytes),
        ])
    }
}

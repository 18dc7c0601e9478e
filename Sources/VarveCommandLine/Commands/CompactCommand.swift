import ArgumentParser
import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

struct CompactCommand: VarveSubcommand {
    static let configuration = CommandConfiguration(
        commandName: "compact", abstract: "Lay recorded history out anew: fewer, larger pieces.",
        discussion: """
            Recording does this by itself. No version is dropped: a checksum over all changes \
            proves it. Other programs may read and record meanwhile.

            Example:
              varve compact -r /backups/shop
              varve compact -r /backups/shop Orders
            """)

    @OptionGroup var common: CommonOptions

    @Argument(help: "A table, see 'varve help table-names'; all tables if left out.")
    var table: String?

    func run(in session: Session) throws {
        let repository = try common.repository()
        var tables: [(id: TableID, record: TableRecord)] = []
        if let table {
            tables = try repository.tableChoice(table, for: .writing).entries
        } else {
            tables = try repository.tables()
        }
        let titles = TableTitles(tables.map(\.record))
        let compactor = Compactor(repository)
        var results: [(name: String, id: TableID, steps: [Compactor.Step])] = []
        for table in tables {
            let steps = try compactor.run(table.id, table.record, isForced: true)
            results.append((titles.title(of: table.record), table.id, steps))
        }
        let collection = try compactor.collect()
        try session.print(
            .members([
                "tables": .array(results.map { json($0.name, $0.id, $0.steps) }),
                "condemnedPacks": .number(collection.condemnedPacks),
                "condemnedBytes": .number(collection.condemnedBytes),
                "deletedPacks": .number(collection.deletedPacks),
                "deletedBytes": .number(collection.deletedBytes),
            ]),
            lines: results.flatMap { lines($0.name, $0.steps) } + lines(collection))
    }

    private func lines(_ name: String, _ steps: [Compactor.Step]) -> [String] {
        var facts = FactList()
        let covered = steps.reduce(0) { $0 + $1.coveredCommits }
        let merged = steps.reduce(0) { $0 + $1.mergedRuns }
        let made = steps.reduce(0) { $0 + $1.newRuns }
        let bytes = steps.reduce(0) { $0 + $1.newRunBytes }
        facts.add("commits", "\(Quantities.count(covered)) laid out")
        if merged > 0 {
            facts.add(
                "runs",
                "\(Quantities.count(merged)) became \(Quantities.count(made)) "
                    + "of \(Quantities.bytes(bytes))")
        }
        for image in steps.compactMap(\.imageBytes) {
            facts.add("image", "written, \(Quantities.bytes(image))")
        }
        return ["table \(name)"] + facts.lines
    }

    private func lines(_ found: CollectionReport) -> [String] {
        var facts = FactList()
        facts.add(
            "condemned",
            "\(Quantities.count(found.condemnedPacks, "pack")), "
                + "\(Quantities.bytes(found.condemnedBytes))")
        facts.add(
            "deleted",
            "\(Quantities.count(found.deletedPacks, "pack")), "
                + "\(Quantities.bytes(found.deletedBytes))")
        return ["data"] + facts.lines
    }

    private func json(_ name: String, _ id: TableID, _ steps: [Compactor.Step]) -> JSONValue {
        .members([
            "table": .string(name), "tableId": .string(id.description),
            "layouts": .number(steps.count),
            "coveredCommits": .number(steps.reduce(0) { $0 + $1.coveredCommits }),
            "mergedRuns": .number(steps.reduce(0) { $0 + $1.mergedRuns }),
            "newRuns": .number(steps.reduce(0) { $0 + $1.newRuns }),
            "newRunBytes": .number(steps.reduce(0) { $0 + $1.newRunBytes }),
            "rewrittenChanges": .number(steps.reduce(0) { $0 + $1.rewrittenChanges }),
            "imageBytes": .array(steps.compactMap(\.imageBytes).map { .number($0) }),
        ])
    }
}

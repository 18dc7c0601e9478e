import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

/// A changed key with its values.
private struct Change: Equatable {
    var key: [UInt8]
    var old: [UInt8]?
    var new: [UInt8]?
}

private func read(_ source: any DifferenceSource) throws -> [Change] {
    var result: [Change] = []
    while let block = try source.nextBlock() {
        for entry in block.entries {
            let old = entry.old.map { (block.old.keyBytes($0), block.old.valueBytes($0)) }
            let new = entry.new.map { (block.new.keyBytes($0), block.new.valueBytes($0)) }
            if let old, let new { #expect(old.0 == new.0) }
            result.append(Change(key: old?.0 ?? new?.0 ?? [], old: old?.1, new: new?.1))
        }
    }
    return result
}

private func bruteForce(_ old: TestTable, _ new: TestTable) -> [Change] {
    Set(old.rows.keys).union(new.rows.keys)
        .filter { old.rows[$0] != new.rows[$0] }
        .sorted { $0.lexicographicallyPrecedes($1) }
        .map { Change(key: $0, old: old.rows[$0], new: new.rows[$0]) }
}

struct StateDifferenceTests {
    /// Images at 5, 8, 10; runs to 20, 30, 40 on the last: every pair, both ways.
    @Test(arguments: [0, 2000], [1, 4])
    func equalsBruteForce(keyFiller: Int, workers: Int) throws {
        let test = try TestRepository(seed: 900 + UInt64(keyFiller), workers: workers)
        var table = TestTable(schema: TestTable.schemas[1], keyFiller: keyFiller)
        var states: [Int64: TestTable] = [:]
        table.add(keyFiller == 0 ? 500 : 900, test.random, largeEvery: 200)
        for second: Int64 in [10, 20, 30, 40, 8, 5] {
            try test.backUp(table, at: second)
            states[second] = table
            table.edit(replacing: 20, removing: 10, test.random)
            table.add(15, test.random, largeEvery: 5)
        }
        let repository = try test.reopened(workers: workers)
        let history = try repository.history(of: "orders")
        let seconds = states.keys.sorted()
        for old in seconds {
            for new in seconds {
                let from = try history.plan(at: TestRepository.instant(old))
                let to = try history.plan(at: TestRepository.instant(new))
                let found = try read(
                    try repository.difference(from: from, to: to, schema: table.schema))
                #expect(
                    found == bruteForce(states[old]!, states[new]!),
                    "from second \(old) to \(new)")
            }
        }
    }

    @Test func againstRowsFromElsewhere() throws {
        let test = try TestRepository(seed: 41)
        var table = TestTable(schema: TestTable.schemas[2])
        table.add(600, test.random, largeEvery: 50)
        try test.backUp(table, at: 10)
        let before = table
        table.edit(replacing: 30, removing: 30, test.random)
        table.add(30, test.random, largeEvery: 3)
        let history = try test.repository.history(of: "orders")
        let plan = try history.plan(at: TestRepository.instant(10))
        for isReversed in [false, true] {
            let found = try read(
                try test.repository.difference(
                    from: plan, to: BlockSource(table.blocks(test.random)), schema: table.schema,
                    isReversed: isReversed))
            #expect(
                found == (isReversed ? bruteForce(table, before) : bruteForce(before, table)))
        }
        let none = try test.repository.difference(
            from: plan, to: BlockSource(before.blocks(test.random)), schema: table.schema)
        #expect(try none.nextBlock() == nil)
    }

    @Test func readsNothingOfEqualStatesAndLittleOfNearOnes() throws {
        let memory = MemoryStore(clock: ManualTime())
        let test = try TestRepository(seed: 42, store: memory)
        var table = TestTable()
        table.add(4000, test.random)
        try test.backUp(table, at: 10)
        let key = table.sortedKeys[2000]
        table.edit(replacing: 1, removing: 0, test.random)
        try test.backUp(table, at: 20)
        try test.backUp(table, at: 5)
        _ = key
        let store = FaultyStore(memory)
        let repository = try Repository.open(
            store, environment: TestRepository.environment(seed: 1, workers: 1))
        let history = try repository.history(of: "orders")
        let plans = try [5, 10, 20].map { try history.plan(at: TestRepository.instant($0)) }
        func reads(_ from: StatePlan, _ to: StatePlan) throws -> (reads: Int, changes: Int) {
            let before = store.operations.count
            let count = try read(
                try repository.difference(from: from, to: to, schema: table.schema)
            ).count
            return (store.operations.count - before, count)
        }
        #expect(try reads(plans[2], plans[2]) == (0, 0))
        // The run is in line; of the image the index page and one leaf.
        #expect(try reads(plans[1], plans[2]) == (2, 1))
        // Both images' index pages, and the leaf of each that changed.
        let images = try reads(plans[1], plans[0])
        #expect(images.changes == 1)
        #expect(images.reads <= 4 + 2)
    }
}

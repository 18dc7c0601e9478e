import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

struct StateTests {
    @Test(arguments: 0..<4, [1, 4])
    func giveBackWhatWasPutIn(schema: Int, workers: Int) throws {
        let test = try TestRepository(seed: UInt64(schema) + 100, workers: workers)
        var table = TestTable(schema: TestTable.schemas[schema])
        var states: [Int64: TestTable] = [:]
        table.add(900, test.random, largeEvery: 400)
        for second: Int64 in [10, 20, 30, 40] {
            let outcome = try test.backUp(table, at: second)
            #expect(outcome.checkpoint.items == UInt64(table.count))
            #expect(outcome.wroteImage == (second == 10))
            states[second] = table
            table.edit(replacing: 40, removing: 15, test.random)
            table.add(25, test.random, largeEvery: 10)
        }
        // Out of order: an image that stands for itself.
        try test.backUp(table, at: 5)
        states[5] = table
        let repository = try test.reopened(workers: workers)
        for (second, expected) in states {
            #expect(try contents(repository, at: second) == expected.rows, "second \(second)")
        }
    }

    @Test func emptyTablesHaveAState() throws {
        let test = try TestRepository(seed: 7)
        var table = TestTable()
        try test.backUp(table, at: 1)
        table.add(20, test.random)
        try test.backUp(table, at: 2)
        let full = table
        table.edit(replacing: 0, removing: 20, test.random)
        try test.backUp(table, at: 3)
        let repository = try test.reopened()
        #expect(try contents(repository, at: 1).isEmpty)
        #expect(try contents(repository, at: 2) == full.rows)
        #expect(try contents(repository, at: 3).isEmpty)
    }

    /// Whatever the history, the blocks and the threads: equal rows give the equal tree.
    @Test(arguments: [0, 2000])
    func equalRowsGiveTheEqualTree(keyFiller: Int) throws {
        let test = try TestRepository(seed: 31, workers: 1)
        var table = TestTable(keyFiller: keyFiller)
        table.add(keyFiller == 0 ? 3500 : 4500, test.random, largeEvery: 500)
        try test.backUp(table, at: 10)
        for second: Int64 in [20, 30] {
            table.edit(replacing: 60, removing: 40, test.random)
            table.add(50, test.random)
            try test.backUp(table, at: second)
        }
        try test.backUp(table, at: 40, name: "scratch")
        let parallel = try test.reopened(workers: 4)
        try backUp(table, at: 40, name: "parallel", test.random, in: parallel)
        // The edited state, read and put in as a new table.
        var merged = TestTable(keyFiller: keyFiller)
        #expect(try contents(parallel, at: 30) == table.rows)
        merged = table
        try test.backUp(merged, at: 5)
        let trees = try [("scratch", 40), ("parallel", 40), ("orders", 5)].map {
            try parallel.history(of: $0.0).plan(at: TestRepository.instant(Int64($0.1))).image
        }
        #expect(trees[0].root == trees[1].root)
        #expect(trees[0].root == trees[2].root)
        #expect(trees[0].digest == trees[2].digest)
        #expect(trees[0].height >= (keyFiller == 0 ? 1 : 2))
    }
}

import Testing

/// Random lives of tables whose changes a recorder takes in: shards that lag, records that come
/// twice, clocks that step, keys that change all the time, tables that become empty, crowded
/// seconds, crashes and restarts, gaps of every kind, layouts, pruning, backups, and a replica that
/// follows. After each step every checkpoint is what the model says, digest and all, or refused;
/// the replica's, too.
struct RecordedLifeTests {
    private static let steps = 24

    @Test(arguments: LifeSeeds.chosen ?? 1...6)
    func everyCheckpointIsTheModels(seed: UInt64) throws {
        let world = try LifeWorld(seed: seed)
        var done: [String] = []
        for step in 0..<Self.steps {
            do {
                done.append(try world.step())
                if LifeSeeds.chosen?.count == 1 { print(done.last ?? "", try world.trace()) }
                try world.check("seed \(seed): \(done)", isLast: step == Self.steps - 1)
            } catch {
                Issue.record("seed \(seed), after \(done): \(error)")
                break
            }
        }
        try world.end()
        if LifeSeeds.chosen != nil { print("seed \(seed): \(world.counts)") }
    }
}

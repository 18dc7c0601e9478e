import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

@Suite("Copying beside retention")
struct CopyRetentionTests {
    /// What the source's retention drops the replica drops with the next layout; every state that
    /// the source has is there.
    @Test(arguments: [80, 81, 82] as [UInt64]) func theReplicaFollows(seed: UInt64) throws {
        let world = try RetentionWorld(seed: seed, days: 4, largeEvery: 6)
        let target = MemoryStore(clock: world.time)
        #expect(try copy(world.memory, to: target).isComplete)
        for round in 0..<3 {
            if round == 0 { try world.promise(days: 1, hourly: 30, daily: 3) }
            try world.extend(days: 1)
            try compact(try world.open(), isForced: true)
            if round != 1 { try world.prune() }
            let report = try copy(world.memory, to: target)
            let label: Comment = "round \(round)"
            #expect(report.isComplete && report.tables[0].takesLayout, label)
            #expect(report.tables[0].retention == (round == 0 ? 1 : 0), label)
            let replica = try world.open(target)
            let (own, other) = (
                try world.open().history(of: "orders"), try replica.history(of: "orders")
            )
            #expect(own.ranges == other.ranges, label)
            var (ours, theirs) = (own.checkpoints(), other.checkpoints())
            while let point = try ours.next() {
                #expect(try theirs.next() == point, label)
                let second = point.instant.second - TestRepository.start
                #expect(try world.isExact(replica, other, second), label)
            }
            #expect(try theirs.next() == nil, label)
            #expect(replica.verify(VerificationOptions()).problems == [], label)
            #expect(try copy(world.memory, to: target).isUpToDate, label)
        }
        // The replica keeps the promise by itself, too.
        try world.extend(days: 1)
        _ = try copy(world.memory, to: target)
        try world.prune(target)
        #expect(try copy(world.memory, to: target).isComplete)
        #expect(try world.open(target).verify(VerificationOptions()).problems == [])
    }

    /// A replica may promise more than the source. It does not lose that unasked.
    @Test func theReplicaKeepsItsOwnPromises() throws {
        let world = try RetentionWorld(seed: 83, days: 3)
        let target = MemoryStore(clock: world.time)
        #expect(try copy(world.memory, to: target).isComplete)
        let replica = try world.open(target)
        let id = try replica.history(of: "orders").id
        try replica.promise(RetentionRecord(written: 5, days: 100), of: id)
        try world.promise(days: 1)
        try world.extend(days: 1)
        // By commits alone.
        #expect(try copy(world.memory, to: target).isComplete)
        try world.prune()
        let report = try copy(world.memory, to: target)
        #expect(report.isComplete && report.isUpToDate)
        let other = try world.open(target)
        let whole = try other.history(of: "orders")
        for second in stride(from: 0, through: world.end, by: 40_000) {
            #expect(try world.isExact(other, whole, second))
        }
        // It has not looked for too long: the commits are gone, and the states before them.
        try world.extend(days: 2)
        try world.prune()
        let before = try target.everything()
        let refused = try copy(world.memory, to: target)
        #expect(refused.tables[0].failure?.code == .refused)
        #expect(refused.tables[0].failure?.message.contains("own retention") == true)
        #expect(try target.everything() == before)
        #expect(try copy(world.memory, to: target) { $0.isForced = true }.isComplete)
        let after = try world.open(target).history(of: "orders")
        #expect(try after.head == world.open().history(of: "orders").head)
        #expect(try world.open(target).retention(of: id).longest?.days == 100)
    }
}

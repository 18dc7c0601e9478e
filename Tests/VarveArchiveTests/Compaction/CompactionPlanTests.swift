import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage
@testable import VarveArchive

/// Months of history, without a page: only pieces, as the planner sees them.
struct CompactionPlanTests {
    /// A table that is recorded, and what its compaction costs.
    private struct World {
        var pieces: [Piece] = []
        var fresh: [Piece] = []
        var second: Int64 = 0
        var from: Int64
        /// Stored bytes of a change in a merged run, of a commit beside its changes, and of an
        /// image.
        var changeBytes: UInt64 = 24
        var commitBytes: UInt64 = 190
        var imageBytes: UInt64
        var random = SeededRandom(seed: 1)
        /// Bytes of runs written by compaction; packs made by it; most runs merged at once.
        var rewritten: UInt64 = 0
        var packs = 0
        var widest = 0
        var changes: UInt64 = 0
        var layouts = 0

        static let start: Int64 = 1_750_000_000

        init(imageBytes: UInt64) {
            self.imageBytes = imageBytes
            from = Self.start
            pieces = [piece(.image, Self.start, Self.start, bytes: imageBytes, entries: 1000)]
        }

        func piece(
            _ kind: Piece.Kind, _ from: Int64, _ to: Int64, bytes: UInt64, entries: UInt64
        ) -> Piece {
            let tree = TreeReference(
                entries: entries, height: 0, root: .zero, weight: entries, digest: .zero,
                storedBytes: bytes)
            return Piece(kind: kind, from: from * 1_000_000, to: to * 1_000_000, tree: tree)
        }

        var range: RestorableRange {
            RestorableRange(
                isExactAtCheckpointsOnly: false, from: Instant(second: from)!,
                to: Instant(second: Self.start + second)!, firstSequence: 0, lastSequence: 0,
                lastHash: .zero, items: 0, bytes: 0, digest: .zero, changeDigest: .zero)
        }

        /// A commit of one second; a layout after 256 of them.
        mutating func commit(changes count: UInt64) {
            changes += count
            fresh.append(
                piece(
                    .run, Self.start + second, Self.start + second + 1,
                    bytes: commitBytes + changeBytes * count, entries: count))
            second += 1
            if fresh.count == 256 { layOut() }
        }

        mutating func layOut() {
            layouts += 1
            let plan = CompactionPlan(
                pieces: pieces + fresh, fresh: Set(fresh), ranges: [range])
            apply(plan)
            if CompactionPlan.deservesImage(imageBytes: imageBytes, runBytes: runBytes) {
                pieces.append(
                    piece(
                        .image, Self.start + second, Self.start + second, bytes: imageBytes,
                        entries: 1000))
                packs += 1 + Int(imageBytes >> 24)
            }
        }

        mutating func apply(_ plan: CompactionPlan) {
            var all = pieces + fresh
            for merge in plan.merges {
                widest = max(widest, merge.count)
                let entries = merge.reduce(0) { $0 + $1.tree.entries }
                let bytes = 190 + entries * changeBytes
                rewritten += bytes
                if bytes > 65_536 { packs += 1 }
                let merged = Set(merge)
                all.removeAll { merged.contains($0) }
                all.append(
                    piece(
                        .run, merge[0].from / 1_000_000, merge[merge.count - 1].to / 1_000_000,
                        bytes: bytes, entries: entries))
            }
            pieces = all.sorted {
                ($0.to, $0.from, $0.kind.rawValue) < ($1.to, $1.from, $1.kind.rawValue)
            }
            fresh = []
        }

        /// Stored bytes of runs since the last image.
        var runBytes: UInt64 {
            let last = pieces.last { $0.kind == .image }!.to
            return pieces.filter { $0.kind == .run && $0.from >= last }
                .reduce(0) { $0 + $1.tree.storedBytes }
        }

        /// Pieces that the state at a second needs, and their stored bytes over the image's.
        func need(_ second: Int64) -> (count: Int, share: Double) {
            let time = (Self.start + second) * 1_000_000
            let image = pieces.last { $0.kind == .image && $0.to <= time }!
            let runs = (pieces + fresh).filter {
                $0.kind == .run && $0.from >= image.to && $0.from < time
            }
            let bytes = runs.reduce(0) { $0 + $1.tree.storedBytes }
            return (runs.count + 1, Double(bytes) / Double(image.tree.storedBytes))
        }

        /// Whether the runs are what was recorded, without a gap and without overlap.
        var isWhole: Bool {
            var time = Self.start * 1_000_000
            var entries: UInt64 = 0
            let images = Set(pieces.filter { $0.kind == .image }.map(\.to))
            let runs = (pieces + fresh).filter { $0.kind == .run }
            for run in runs.sorted(by: { $0.from < $1.from }) {
                if run.from != time { return false }
                if images.contains(where: { run.from < $0 && $0 < run.to }) { return false }
                time = run.to
                entries += run.tree.entries
            }
            return time == (Self.start + second) * 1_000_000 && entries == changes
        }
    }

    /// A month with a change every second: few pieces, and fewer than 5,000 objects even if no
    /// pack or index that compaction made were ever freed.
    @Test func aMonthOfOneChangeASecond() {
        var world = World(imageBytes: 2_000_000)
        for _ in 0..<2_600_000 { world.commit(changes: 1) }
        check(world, "a month")
        #expect(world.pieces.count < 200)
        #expect(world.packs * 2 + 256 + 10 < 5_000, "\(world.packs) packs")
    }

    /// Images far smaller and far larger than what a week changes.
    @Test(arguments: [200_000, 60_000_000] as [UInt64])
    func aWeekOfOneChangeASecond(imageBytes: UInt64) {
        var world = World(imageBytes: imageBytes)
        for _ in 0..<604_800 { world.commit(changes: 1) }
        check(world, "image \(imageBytes)")
    }

    @Test func aDayOfTenThousandChangesASecond() {
        var world = World(imageBytes: 800_000_000)
        for _ in 0..<100_000 { world.commit(changes: 10_000) }
        check(world, "fast")
    }

    @Test(arguments: [1, 2] as [UInt64]) func aWeekOfDaysAndNights(seed: UInt64) {
        var world = World(imageBytes: 5_000_000)
        world.random = SeededRandom(seed: seed)
        for second in 0..<604_800 {
            let isDay = second % 86_400 > 28_800
            let burst = world.random.next() % 5_000 == 0
            let count = burst ? 50_000 : isDay ? world.random.next() % 60 : 1
            world.commit(changes: count)
        }
        check(world, "seed \(seed)")
    }

    private func check(_ world: World, _ label: String) {
        #expect(world.isWhole, "\(label)")
        var counts: [Int] = []
        var shares: [Double] = []
        let random = SeededRandom(seed: 7)
        for _ in 0..<400 {
            let need = world.need(Int64(random.next() % UInt64(world.second)))
            counts.append(need.count)
            shares.append(need.share)
        }
        let once = world.changes * world.changeBytes
        let stored = world.pieces.reduce(0) { $0 + $1.tree.storedBytes }
        let factor = Double(world.rewritten) / Double(once)
        // Some 256 uncovered commits come to the pieces of the newest states.
        #expect(counts.max()! < 64, "\(label): \(counts.max()!)")
        #expect(counts.reduce(0, +) / counts.count < 16, "\(label)")
        #expect(factor < 4, "\(label): \(factor)")
        let images = max(Double(CompactionPlan.imageRunBytesMin), 2.5 * Double(world.imageBytes))
        #expect(shares.max()! < images * 1.15 / Double(world.imageBytes), "\(label)")
        #expect(Double(stored) < 1.45 * Double(once) + Double(world.imageBytes), "\(label)")
        #expect(world.widest < 320, "\(label)")
    }
}

import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveStorage

/// Damage of any byte is reported, and never traps or gives other rows.
@Suite(.enabled(if: !GoldenRepository.isRecording))
struct DamageTests {
    /// A state that is recorded: of a backup, of a checkpoint, or the newest.
    struct State {
        enum Name {
            case backup(BackupID)
            case instant(Instant)
            case newest
        }

        let table: TableID
        let name: Name
        let rows: Rows
    }

    /// A store, and what its states are when it is sound.
    struct Subject {
        let sound: MemoryStore
        let states: [State]

        init(_ store: MemoryStore) throws {
            sound = store
            let repository = try open(store)
            let report = repository.verify(
                VerificationOptions(data: .all, decodesPages: true, drill: .allCheckpoints))
            #expect(report.problems.isEmpty)
            var states: [State] = []
            for (table, record) in try repository.tables() {
                let history = try repository.history(table, record)
                var points = history.checkpoints()
                let names = history.backups.map { State.Name.backup($0.id) }
                    + (try points.rest()).map { .instant($0.instant) } + [.newest]
                for name in names {
                    let rows = try #require(try Self.restore(repository, history, name))
                    states.append(State(table: table, name: name, rows: rows))
                }
            }
            self.states = states
        }

        /// The rows of a state; nil if they cannot be restored, or are not those recorded.
        private static func restore(
            _ repository: Repository, _ history: TableHistory, _ name: State.Name
        ) throws -> Rows? {
            do {
                let plan: StatePlan
                switch name {
                case .newest: plan = try history.newestPlan()
                case .instant(let instant): plan = try history.plan(at: instant)
                case .backup(let id):
                    guard let backup = history.backups.first(where: { $0.id == id }) else {
                        return nil
                    }
                    plan = try history.plan(of: backup)
                }
                var digest = Hash256.zero
                let rows = try repository.restore(history, plan, digest: &digest)
                let isProven = plan.checkpoint.digest.agrees(with: digest)
                return isProven && rows.count == Int(plan.checkpoint.items) ? rows : nil
            } catch is VarveError {
                return nil
            }
        }

        /// Whether the damage is found, by verification and by reading all objects. What can still
        /// be restored must be right.
        /// - Parameter restoring: places of the states to restore.
        func reports(
            _ name: String, restoring: some Sequence<Int>, decodesPages: Bool = false,
            _ change: (inout [UInt8]) -> Void
        ) throws -> Bool {
            let store = sound.snapshot()
            try store.corrupt(name, change)
            try check(restoring.map { states[$0 % states.count] }, in: store)
            let environment = GoldenBuilder.environment(
                time: ManualTime(GoldenBuilder.start), seed: 9)
            let report = Repository.verify(
                store, environment: environment,
                options: VerificationOptions(data: .all, decodesPages: decodesPages))
            do {
                _ = try ObjectExamination(store)
                return false
            } catch is VarveError {
                return !report.problems.isEmpty
            }
        }

        /// Errors are fine; other rows are not.
        private func check(_ states: [State], in store: MemoryStore) throws {
            if states.isEmpty { return }
            do {
                let repository = try open(store)
                let tables = try repository.catalog(for: .reading).tables
                for (table, record) in tables.map({ ($0.id, $0.record) }) {
                    let history = try repository.history(table, record, for: .reading)
                    for state in states where state.table == table {
                        let found = try Self.restore(repository, history, state.name)
                        #expect(found == nil || found == state.rows)
                    }
                }
            } catch is VarveError {}
        }

        /// Flips a bit of every `stride`th byte of an object, and cuts it there. One state after
        /// another is restored, and the newest.
        func damage(_ name: String, everyByte stride: Int = 1, cutEvery: Int = 1) throws {
            let size = try sound.metadata(name).size
            for offset in Swift.stride(from: 0, to: size, by: stride) {
                let flip = UInt8(1) << UInt8(offset / stride % 8)
                let chosen = [offset / stride, states.count - 1 - offset % 2]
                let isFound = try reports(name, restoring: chosen, decodesPages: offset % 4 == 0) {
                    $0[offset] ^= flip
                }
                #expect(isFound, "\(name), byte \(offset)")
                if offset / stride % cutEvery != 0 { continue }
                let isCutFound = try reports(name, restoring: offset % 8 == 0 ? chosen : []) {
                    $0.removeLast($0.count - offset)
                }
                #expect(isCutFound, "\(name), cut to \(offset)")
            }
        }
    }

    /// Every byte of every object, and every length; all states restored each time.
    @Test func smallRepository() throws {
        let subject = try Subject(try GoldenRepository.all[0].load())
        let all = subject.states.indices
        for (name, bytes) in try subject.sound.everything() {
            for offset in bytes.indices {
                let flip = UInt8(1) << UInt8(offset % 8)
                let isFound = try subject.reports(name, restoring: all, decodesPages: true) {
                    $0[offset] ^= flip
                }
                #expect(isFound, "\(name), byte \(offset)")
                let restoring = offset % 8 == 0 ? all : 0..<0
                let isCutFound = try subject.reports(name, restoring: restoring) {
                    $0.removeLast($0.count - offset)
                }
                #expect(isCutFound, "\(name), cut to \(offset)")
            }
        }
    }

    /// Recorded history: every byte of every object, and every length.
    @Test func recordedRepository() throws {
        let golden = try #require(GoldenRepository.all.first { $0.name == "recorded" })
        let subject = try Subject(try golden.load())
        for name in try subject.sound.everything().keys { try subject.damage(name) }
    }

    /// The same history laid out: of large objects every fifth byte.
    @Test func laidOutRepository() throws {
        let golden = try #require(GoldenRepository.all.first { $0.name == "recorded" })
        let subject = try Subject(try golden.laidOut())
        let objects = try subject.sound.everything()
        #expect(objects.keys.contains { $0.contains("/layouts/") })
        for (name, bytes) in objects {
            try subject.damage(name, everyByte: bytes.count > 600 ? 5 : 1)
        }
    }

    /// Of the others some bytes of each object.
    @Test(arguments: ["values", "history", "kept", "films"])
    func largerRepositories(_ name: String) throws {
        let golden = try #require(GoldenRepository.all.first { $0.name == name })
        let subject = try Subject(try golden.load())
        let count = name == "history" || name == "kept" ? 8 : 2
        let names = try subject.sound.everything().keys.sorted()
        for (position, name) in names.enumerated() {
            let size = try subject.sound.metadata(name).size
            for step in 0..<count {
                let offset = (size * step / count + position * 37 % (size / count)) % size
                let isFound = try subject.reports(
                    name, restoring: step == 0 ? subject.states.indices : 0..<0,
                    decodesPages: step == 0
                ) { $0[offset] ^= 0x10 }
                #expect(isFound, "\(name), byte \(offset)")
                let isCutFound = try subject.reports(
                    name, restoring: step == 1 ? subject.states.indices : 0..<0,
                    decodesPages: step == 1
                ) { $0.removeLast($0.count - offset) }
                #expect(isCutFound, "\(name), cut to \(offset)")
            }
        }
    }
}

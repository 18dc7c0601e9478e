import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveStorage

/// Damage of any byte is reported, and never traps or gives other rows.
@Suite(.enabled(if: !GoldenRepository.isRecording))
struct DamageTests {
    /// A store, and what its backups give when it is sound.
    struct Subject {
        let golden: MemoryStore
        let rows: [BackupID: Rows]

        init(_ golden: GoldenRepository) throws {
            self.golden = try golden.load()
            let repository = try open(self.golden)
            var rows: [BackupID: Rows] = [:]
            for (history, backup) in try repository.allBackups() {
                rows[backup.id] = try repository.restore(history, backup)
            }
            self.rows = rows
            let report = repository.verify(
                VerificationOptions(data: .all, decodesPages: true, drill: .allBackups))
            #expect(report.problems.isEmpty)
        }

        /// Whether the damage is found, by verification and by reading all objects. What can still
        /// be restored must be right.
        func reports(
            _ name: String, restoring: Bool, _ change: (inout [UInt8]) -> Void
        ) throws -> Bool {
            let store = golden.snapshot()
            try store.corrupt(name, change)
            if restoring { try restoreAll(store) }
            let environment = GoldenBuilder.environment(
                time: ManualTime(GoldenBuilder.start), seed: 9)
            let report = Repository.verify(
                store, environment: environment,
                options: VerificationOptions(data: .all, decodesPages: restoring))
            do {
                _ = try ObjectExamination(store)
                return false
            } catch is VarveError {
                return !report.problems.isEmpty
            }
        }

        /// Errors are fine; other rows are not.
        private func restoreAll(_ store: MemoryStore) throws {
            do {
                let repository = try open(store)
                for (history, backup) in try repository.allBackups() {
                    do {
                        let found = try repository.restore(history, backup)
                        #expect(found == rows[backup.id])
                    } catch is VarveError {}
                }
            } catch is VarveError {}
        }
    }

    /// Every byte of every object, and every length.
    @Test func smallRepository() throws {
        let subject = try Subject(GoldenRepository.all[0])
        for (name, bytes) in try subject.golden.everything() {
            for offset in bytes.indices {
                let flip = UInt8(1) << UInt8(offset % 8)
                let isFound = try subject.reports(name, restoring: true) { $0[offset] ^= flip }
                #expect(isFound, "\(name), byte \(offset)")
                let isCutFound = try subject.reports(name, restoring: offset % 8 == 0) {
                    $0.removeLast($0.count - offset)
                }
                #expect(isCutFound, "\(name), cut to \(offset)")
            }
        }
    }

    /// Of the others some bytes of each object.
    @Test(arguments: GoldenRepository.all.dropFirst())
    func largerRepositories(_ golden: GoldenRepository) throws {
        let subject = try Subject(golden)
        let objects = try subject.golden.everything()
        let count = golden.name == "history" ? 8 : 2
        for (position, name) in objects.keys.sorted().enumerated() {
            let size = try subject.golden.metadata(name).size
            for step in 0..<count {
                let offset = (size * step / count + position * 37 % (size / count)) % size
                let isFound = try subject.reports(name, restoring: step == 0) { $0[offset] ^= 0x10 }
                #expect(isFound, "\(name), byte \(offset)")
                let isCutFound = try subject.reports(name, restoring: step == 1) {
                    $0.removeLast($0.count - offset)
                }
                #expect(isCutFound, "\(name), cut to \(offset)")
            }
        }
    }
}

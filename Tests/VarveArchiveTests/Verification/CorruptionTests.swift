import Testing
import VarveArchive
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

struct CorruptionTests {
    private func verify(_ store: MemoryStore) -> VerificationReport {
        Repository.verify(
            store, environment: TestRepository.environment(seed: 1, workers: 1),
            options: VerificationOptions(data: .all))
    }

    /// Bytes of every object flipped: a sample of each, its first and last bytes among them.
    @Test func everyFlippedByteIsFound() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 20, in: store)
        #expect(verify(store).isClean)
        for object in try store.list("") {
            let stride = max(1, object.size / 16)
            var offsets = Array(Swift.stride(from: 0, to: object.size, by: stride))
            offsets += [1, 5, object.size - 1, object.size - 20, object.size - 40]
            for offset in offsets where offset < object.size {
                let copy = store.snapshot()
                let mask = UInt8(1 << (test.random.next() % 8))
                try copy.corrupt(object.name) { $0[offset] ^= mask }
                let report = verify(copy)
                #expect(!report.isClean, "\(object.name), offset \(offset), mask \(mask)")
            }
        }
    }

    @Test func everyTruncationIsFound() throws {
        let store = MemoryStore(clock: ManualTime())
        _ = try smallRepository(seed: 21, in: store)
        for object in try store.list("") {
            for size in [0, 1, 30, object.size / 3, object.size - 40, object.size - 1]
            where size >= 0 && size < object.size {
                let copy = store.snapshot()
                try copy.corrupt(object.name) { $0.removeLast($0.count - size) }
                #expect(!verify(copy).isClean, "\(object.name) cut to \(size) bytes")
                try copy.corrupt(object.name) { $0 += [0] }
            }
            let copy = store.snapshot()
            try copy.corrupt(object.name) { $0 += [7] }
            #expect(!verify(copy).isClean, "\(object.name) with a byte more")
        }
    }

    /// Sealed objects with a flipped byte and the right hash: what a forger or a faulty writer may
    /// leave. Nothing traps, in verifying or in reading.
    @Test func forgedObjectsDoNotTrap() throws {
        let store = MemoryStore(clock: ManualTime())
        let test = try smallRepository(seed: 22, in: store)
        var options = VerificationOptions(drill: .allCheckpoints)
        options.provesEverySecond = true
        var survivors = 0
        for object in try store.list("tables/") {
            let bytes = try store.read(object.name)
            let body = SealedObject.headerSize..<bytes.count - SealedObject.trailerSize
            for offset in Swift.stride(from: body.lowerBound, to: body.upperBound, by: 1).filter({
                $0 < body.lowerBound + 90 || $0 % 4001 == 0
            }) {
                let copy = store.snapshot()
                let value = UInt8(truncatingIfNeeded: test.random.next())
                try copy.corrupt(object.name) {
                    $0[offset] = test.random.next() % 3 == 0 ? 0xff : value
                    let sealed = sha256($0.raw.part(0, body.upperBound))
                    $0.replaceSubrange(body.upperBound..., with: sealed.bytes)
                }
                if try copy.read(object.name) == bytes { continue }
                let report = Repository.verify(
                    copy, environment: TestRepository.environment(seed: 1, workers: 1),
                    options: options)
                if report.isClean { survivors += 1 }
            }
        }
        // Names, times of writing and the like may change without a contradiction.
        #expect(survivors > 0)
    }
}

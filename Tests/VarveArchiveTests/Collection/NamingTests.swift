import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// A recorded state becomes a backup while a prune drops it: one of the two gives way.
@Suite("Names beside prunes")
struct NamingTests {
    @Test func aStateIsNamedWhileItIsDropped() throws {
        let scene = try NamingScene(seed: 91)
        var counts = (named: 0, refused: 0)
        for place in 0... {
            let (copy, trial) = try scene.trial()
            let history = try trial.open().history(of: "T")
            let environment = trial.environment
            let naming = Interlude()
            let store = FaultyStore.interrupted(copy, before: place) {
                naming.finish(scene.name(history, copy, environment))
            }
            try trial.prune(store: store)
            let label: Comment = "operation \(place)"
            if naming.hasRun, naming.failure == nil {
                counts.named += 1
                trial.states["late"] = scene.rows
            } else if let failure = naming.failure {
                counts.refused += 1
                #expect(failure.code == .conflict, label)
            }
            #expect(try trial.faults() == [], label)
            try trial.prune()
            #expect(try trial.faults() == [], label)
            if store.operations.count <= place { break }
        }
        #expect(counts.named > 10 && counts.refused > 5)
    }

    /// The prune dies at any moment after that: the next one brings the state back.
    @Test func aPruneDiesBeforeItBringsAStateBack() throws {
        let scene = try NamingScene(seed: 92)
        let (first, plain) = try scene.trial()
        let counting = FaultyStore(first)
        try plain.prune(store: counting)
        let layout = try #require(
            counting.operations.first { $0.kind == .create && $0.name.contains("/layouts/") })
        for death in (layout.ordinal + 1)... {
            let (copy, trial) = try scene.trial()
            let history = try trial.open().history(of: "T")
            let environment = trial.environment
            let naming = Interlude()
            let store = FaultyStore(copy) { operation in
                if operation.ordinal == death { return .crash }
                guard operation.ordinal == layout.ordinal else { return nil }
                return .after { naming.finish(scene.name(history, copy, environment)) }
            }
            let label: Comment = "operation \(death)"
            do {
                try trial.prune(store: store)
            } catch {
                #expect(store.isCrashed, "\(label): \(error)")
            }
            #expect(naming.hasRun && naming.failure == nil, label)
            trial.states["late"] = scene.rows
            try trial.prune()
            let faults = try trial.faults()
            #expect(faults == [], label)
            trial.time.advance(seconds: 90_000)
            try trial.prune()
            #expect(try trial.faults() == [], label)
            if !store.isCrashed { break }
        }
    }
}

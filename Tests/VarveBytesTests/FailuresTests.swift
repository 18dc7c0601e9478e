import Testing
import VarveBytes

@Suite("Errors that come together")
struct FailuresTests {
    private static let first = VarveError(.refused, "not this", at: "a file")
    private static let second = VarveError(.storage, "the disk is full", at: "another file")

    private struct Stranger: Error {}

    @Test func theFirstTellsOfTheOthers() throws {
        var failures = Failures()
        failures.attempt {}
        #expect(failures.isEmpty)
        try failures.throwAny()
        failures.attempt { throw Self.first }
        failures.attempt {}
        #expect(failures.all as? VarveError == Self.first)
        failures.attempt { throw Self.second }
        failures.attempt { throw Stranger() }
        let all = try #require(failures.all as? VarveError)
        #expect(all.code == .refused && all.location == "a file")
        #expect(
            all.message
                == "not this; besides, another file: the disk is full; besides, Stranger()")
        #expect(throws: VarveError.self) { try failures.throwAny() }
    }

    @Test func anErrorIncludesWhatPuttingAwayThrows() {
        #expect("\(Self.first.including { () throws(VarveError) in })" == "a file: not this")
        let both = Self.first.including { () throws(VarveError) in throw Self.second }
        #expect(both.message == "not this; besides, another file: the disk is full")
        let stranger: any Error = Stranger()
        #expect(stranger.including {} is Stranger)
        let joined = stranger.including { throw Self.second } as? VarveError
        #expect(joined?.message == "Stranger(); besides, another file: the disk is full")
    }
}

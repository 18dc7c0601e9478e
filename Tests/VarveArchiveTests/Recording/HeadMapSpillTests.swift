import Testing
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@testable import VarveArchive

/// A map that is filled part by part holds what one holds that is filled as entries come.
struct HeadMapSpillTests {
    @Test(arguments: [1, 1_000, 8_000]) func holdsTheSame(count: Int) throws {
        let test = try RecorderTests.repository(seed: UInt64(count))
        let directory = try FileSystem.makeTemporaryDirectory(prefix: "varve-spill")
        defer { try? FileSystem.removeTree(directory) }
        let table = TableID(repository: test.repository.configuration.id, name: "t", ordinal: 0)
        // 16,384 places of 56 bytes, in 15 parts or 16.
        var map = try HeadMap.empty("\(directory)/map", bits: 14, test.repository, table)
        let spill = try #require(
            try HeadMapSpill("\(directory)/spill", bits: 14, partBytes: 64 << 10))
        var entries: [(HeadMap.Fingerprint, HeadMap.Entry)] = []
        for index in 0..<count {
            let hash = sha256(Array("entry \(index)".utf8).raw)
            // The last ones crowd at the end of the map, and go on at its beginning.
            let high = index % 10 == 0 ? UInt64.max - UInt64(index) : hash.words.0
            entries.append(
                (
                    HeadMap.Fingerprint(first: high, second: hash.words.1),
                    HeadMap.Entry(hash: hash, size: UInt32(index))
                ))
        }
        for (key, entry) in entries { try spill.append(key, entry) }
        #expect(try FileSystem.names(in: directory) == ["map"])
        try spill.drain(into: &map)
        #expect(map.header.used == UInt64(count))
        for (key, entry) in entries {
            let found = try map.find(key)
            #expect(found == entry)
        }
        let other = HeadMap.Fingerprint(first: 5, second: 5)
        let none = try map.find(other)
        #expect(none == nil)
    }

    @Test func smallMapsNeedNoFile() throws {
        #expect(try HeadMapSpill("/nowhere/spill", bits: 12) == nil)
        #expect(try HeadMapSpill("", bits: 30) == nil)
    }
}

import Foundation
import Testing
import VarveBytes
import VarveFormat

/// A file of test vectors: bytes, and the fields that they encode.
///
/// Numbers are JSON numbers, bytes and hashes lower-case hexadecimal, absent values null. With
/// VARVE_RECORD=1 in the environment the tests write the files anew from their samples; otherwise
/// they hold the code to the files in both directions.
struct VectorFile<Fields: Codable & Equatable>: Codable {
    struct Case: Codable {
        var name: String
        var hex: String
        var fields: Fields
    }

    /// The section of Spec that the bytes follow.
    var spec: String
    var cases: [Case]

    /// The package's directory.
    static var root: URL {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        return root
    }

    static func url(_ name: String) -> URL {
        root.appendingPathComponent("Fixtures/vectors/objects/\(name).json")
    }

    /// The file, of any section unless one is given.
    static func load(_ name: String, spec: String?) throws -> VectorFile {
        let file = try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: url(name)))
        #expect(!file.cases.isEmpty)
        if let spec { #expect(file.spec == spec) }
        return file
    }

    /// The file, written first if that is wanted.
    static func load(
        _ name: String, spec: String, _ samples: () throws -> [(String, [UInt8], Fields)]
    ) throws -> VectorFile {
        let url = url(name)
        if ProcessInfo.processInfo.environment["VARVE_RECORD"] == "1" {
            var cases: [Case] = []
            for (name, bytes, fields) in try samples() {
                cases.append(Case(name: name, hex: bytes.raw.hexadecimal, fields: fields))
            }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let directory = url.deletingLastPathComponent()
            try FileManager.default.createDirectory(
                at: directory, withIntermediateDirectories: true)
            var data = try encoder.encode(VectorFile(spec: spec, cases: cases))
            data.append(UInt8(ascii: "\n"))
            try data.write(to: url)
        }
        return try load(name, spec: spec)
    }

    /// Holds the code to the file: the bytes decode to the fields, the fields encode to the bytes.
    static func check(
        _ name: String, spec: String,
        samples: () throws -> [(String, [UInt8], Fields)],
        decode: ([UInt8]) throws -> Fields, encode: (Fields) throws -> [UInt8]
    ) throws {
        let file = try load(name, spec: spec, samples)
        for sample in file.cases {
            let bytes = try parse(bytes: sample.hex)
            let decoded = try decode(bytes)
            let encoded = try encode(sample.fields)
            let isDecoded = decoded == sample.fields
            #expect(isDecoded, "\(name): \(sample.name)")
            #expect(encoded.raw.hexadecimal == sample.hex, "\(name): \(sample.name)")
        }
    }
}

/// The fields of a record, as a file of vectors has them.
protocol RecordFields: Codable, Equatable {
    associatedtype Record: SealedRecord
    init(_ record: Record)
    func record() throws -> Record
}

extension RecordFields {
    static func check(_ name: String, spec: String, _ samples: [(String, Record)]) throws {
        try VectorFile<Self>.check(
            name, spec: spec,
            samples: {
                var cases: [(String, [UInt8], Self)] = []
                for (name, record) in samples {
                    cases.append((name, try record.seal(), Self(record)))
                }
                return cases
            },
            decode: { bytes in
                let record = try Record(sealed: bytes, name: name)
                return Self(record)
            },
            encode: { fields in
                let record = try fields.record()
                return try record.seal()
            })
    }
}

/// What a vector's text must be, or the vector is wrong.
func parse(hash text: String) throws -> Hash256 { try #require(Hash256(hexadecimal: text)) }
func parse(bytes text: String) throws -> [UInt8] { try #require([UInt8](hexadecimal: text)) }
func parse<Subject>(identifier text: String) throws -> Identifier<Subject> {
    try #require(Identifier(hexadecimal: text))
}
func parse(instant microseconds: Int64) throws -> Instant {
    try #require(Instant(microseconds: microseconds))
}

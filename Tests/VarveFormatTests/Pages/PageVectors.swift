import Foundation
import Testing
import VarveBytes
import VarveModel
@testable import VarveFormat

/// A file of test vectors under `Fixtures/vectors/pages`.
///
/// Bytes and hashes are lower-case hexadecimal, numbers are JSON numbers. With VARVE_RECORD=1 in
/// the environment the tests write the files anew; otherwise they hold the code to them.
struct PageVectors<Case: Codable & Equatable>: Codable {
    /// The section of Spec that the cases follow.
    var spec: String
    var cases: [Case]

    static func load(
        _ name: String, spec: String, _ samples: () throws -> [Case]
    ) throws -> [Case] {
        var url = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        url.appendPathComponent("Fixtures/vectors/pages/\(name).json")
        let made = try samples()
        if ProcessInfo.processInfo.environment["VARVE_RECORD"] == "1" {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            var data = try encoder.encode(PageVectors(spec: spec, cases: made))
            data.append(UInt8(ascii: "\n"))
            try data.write(to: url)
        }
        let file = try JSONDecoder().decode(PageVectors.self, from: Data(contentsOf: url))
        #expect(file.spec == spec)
        #expect(!file.cases.isEmpty)
        // What the samples make today is what is on file: encoders have not changed.
        #expect(file.cases == made)
        return file.cases
    }
}

/// What is encoded in the files, in plain fields.
enum PageVector {
    struct Row: Codable, Equatable {
        var key: String
        var value: String
        /// In runs.
        var time: Int64?
        var sequence: UInt64?
        var put: Bool?
    }

    struct Leaf: Codable, Equatable {
        var name: String
        var kind: UInt8
        var partition: UInt8
        var sort: UInt8
        var rows: [Row]
        var page: String
    }

    struct Child: Codable, Equatable {
        var lastKey: String
        var lastTime: Int64?
        var lastSequence: UInt64?
        var id: String
        var entries: UInt64
        var weight: UInt64
        var digest: String
        var leastTime: Int64?
        var greatestTime: Int64?
    }

    struct Index: Codable, Equatable {
        var kind: UInt8
        var level: UInt8
        var children: [Child]
        var page: String
    }

    struct Cut: Codable, Equatable {
        var window: UInt64
        var weights: [UInt64]
        var hashes: [String]
        var ends: [Int]
    }

    struct Hash: Codable, Equatable {
        var key: String
        var input: String
        /// As a number, 16 digits.
        var hash: String
    }

    struct CutHash: Codable, Equatable {
        var cutKey: String
        var kind: UInt8
        var level: UInt8
        var key: String
        var time: Int64?
        var sequence: UInt64?
        var hash: String
    }

    struct Checkpoint: Codable, Equatable {
        var second: Int64
        var items: UInt64
        var bytes: UInt64
        var changes: UInt64
        var digestLow: UInt16
    }

    struct Checkpoints: Codable, Equatable {
        var firstDigest: String
        var checkpoints: [Checkpoint]
        var page: String
    }

    struct TimeList: Codable, Equatable {
        var seconds: [Int64]
        var ordinals: [UInt64]
        var page: String
    }

    struct SpanChild: Codable, Equatable {
        var first: Int64
        var last: Int64
        var entries: UInt64
        var id: String
    }

    struct Span: Codable, Equatable {
        var kind: UInt8
        var level: UInt8
        var children: [SpanChild]
        var page: String
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String { bytes.raw.hexadecimal }
    static func hexadecimal(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    static func bytes(_ text: String) throws -> [UInt8] {
        try #require([UInt8](hexadecimal: text))
    }

    static func hash(_ text: String) throws -> Hash256 {
        try #require(Hash256(hexadecimal: text))
    }
}

import VarveBytes
import VarveFormat
import VarveModel

@testable import VarveArchive

// What a recorder keeps and finds again.

extension Decoder {
    /// A position in a source, as commits have it.
    static func position(_ bytes: [UInt8]) throws -> String? {
        guard let whole = SourcePosition(own: bytes), let shared = SourcePosition(encoded: bytes)
        else { throw VarveError(.damaged, "no position") }
        return compare(whole.encoded(limit: shared), bytes)
    }

    /// The file of a head map: a byte for its size, its two headers without their checksums, and
    /// what its places hold, over and over.
    static func headMap(_ bytes: [UInt8]) throws -> String? {
        guard let first = bytes.first else { throw VarveError(.damaged, "no size") }
        let size = HeadMap.wordCount(bits: HeadMap.bitsMin + Int(first & 1)) + Int(first >> 1 & 1)
        let words = try MappedFile.anonymous(words: size)
        var given: [UInt64] = []
        for start in stride(from: 1, to: bytes.count - 7, by: 8) {
            given.append(bytes.raw.word(at: start))
        }
        for (start, fields) in [(0, given.prefix(18)), (256, given.dropFirst(18).prefix(18))] {
            var text = ByteWriter()
            for (index, field) in fields.enumerated() {
                words[start + index] = field
                text.append(u64: field)
            }
            words[start + 18] = sha256(text.bytes).words.0
        }
        let places = Array(given.dropFirst(36))
        if !places.isEmpty {
            for index in HeadMap.headerWords..<size {
                words[index] = places[(index - HeadMap.headerWords) % places.count]
            }
        }
        guard let header = HeadMapHeader(from: words) else {
            throw VarveError(.damaged, "no header")
        }
        var map = HeadMap(words: words, header: header)
        for slot in 0..<map.capacity { _ = try? map.item(at: slot) }
        for number in 0..<24 as Range<UInt8> {
            let key = map.fingerprint([number, first].raw)
            _ = try map.find(key)
            guard map.hasRoom(for: 1) else { break }
            let entry = number % 3 == 0 ? nil : HeadMap.Entry(hash: .zero, size: UInt32(number))
            try map.set(key, entry)
            if try map.find(key) != entry { return "another entry than was set" }
        }
        return nil
    }
}

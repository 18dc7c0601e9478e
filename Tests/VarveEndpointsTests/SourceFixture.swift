import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

/// Files for a test, in a directory that goes when it ends.
final class Workspace {
    let path: String

    init() throws { path = try FileSystem.makeTemporaryDirectory(prefix: "varve-endpoints") }

    deinit { try? FileSystem.removeTree(path) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let target = "\(path)/\(name)"
        try FileSystem.makeDirectories(FileSystem.parent(of: target))
        let file = try FileDescriptor(overwriting: target)
        try file.write(bytes.raw)
        return target
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try write(name, Array(text.utf8))
    }

    func read(_ name: String) throws -> [UInt8] {
        let file = try FileDescriptor(reading: "\(path)/\(name)")
        return try file.readAll()
    }

    func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }
}

/// A repeatable sequence for `shuffled(using:)`.
struct Seeded: RandomNumberGenerator {
    let source: SeededRandom
    init(_ seed: UInt64) { source = SeededRandom(seed: seed) }
    mutating func next() -> UInt64 { source.next() }
}

let orderSchema = KeySchema(
    partition: KeyAttribute(name: "id", type: .string),
    sort: KeyAttribute(name: "n", type: .number))

/// Lines of items whose keys ascend with their number.
func lines(_ count: Int, wrapped: Bool = true) -> [String] {
    (0..<count).map { index in
        let digits = String(index)
        let id = String(repeating: "0", count: 7 - digits.count) + digits
        let item =
            "{\"id\":{\"S\":\"order#\(id)\"},\"n\":{\"N\":\"\(index % 7)\"},"
            + "\"text\":{\"S\":\"the \(index &* 7919) of it\"}}"
        return wrapped ? "{\"Item\":\(item)}" : item
    }
}

func gzip(_ bytes: [UInt8], partBytes: Int = 1 << 20) -> [UInt8] {
    var output = ByteWriter()
    var writer = GzipWriter()
    writer.begin(into: &output)
    for start in stride(from: 0, to: bytes.count, by: partBytes) {
        let part = Array(bytes[start..<min(start + partBytes, bytes.count)])
        writer.add(GzipWriter.deflate(part.raw, into: &output))
    }
    writer.end(into: &output)
    return output.takeBytes()
}

func md5(_ bytes: [UInt8]) -> String {
    var hasher = MD5Hasher()
    hasher.update(bytes.raw)
    return ExportDirectory.base64(hasher.finish())
}

/// What a stream delivered.
struct Delivery {
    var keys: [[UInt8]] = []
    var items: [String] = []
    var places: [SourcePlace] = []
}

func drain(
    _ stream: RowStream, schema: KeySchema = orderSchema
) throws(VarveError) -> Delivery {
    var result = Delivery()
    var renderer = ItemRenderer(schema: schema)
    while let batch = try stream.nextBatch() {
        try append(batch.rows, &renderer, to: &result)
        for index in 0..<batch.count { result.places.append(batch.place(of: index)) }
    }
    return result
}

private func append(
    _ rows: borrowing RowBuffer, _ renderer: inout ItemRenderer, to result: inout Delivery
) throws(VarveError) {
    for index in 0..<rows.count {
        result.keys.append(rows.key(index).copyBytes())
        var text = ByteWriter()
        try renderer.append(row: index, of: rows, to: &text)
        result.items.append(String(decoding: text.takeBytes(), as: UTF8.self))
    }
}

/// Reads a whole source.
func read(
    _ path: String, options: SourceOptions = SourceOptions(), order: RowOrder = .asFound,
    schema: KeySchema = orderSchema, workers: Int = 2
) throws(VarveError) -> Delivery {
    let source = try TableSource.open(path, options: options)
    return try drain(
        source.rows(schema: schema, order: order, workers: Workers(count: workers)),
        schema: schema)
}

/// The error of reading a source, if there is one.
func fault(
    _ path: String, options: SourceOptions = SourceOptions(), order: RowOrder = .asFound,
    schema: KeySchema = orderSchema
) -> VarveError? {
    do throws(VarveError) {
        _ = try read(path, options: options, order: order, schema: schema)
        return nil
    } catch {
        return error
    }
}

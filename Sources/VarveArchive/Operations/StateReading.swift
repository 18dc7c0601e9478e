import VarveBytes
import VarveFormat
public import VarveModel

extension Repository {
    /// The rows of a state, in key order, in-line values not expanded.
    /// - Parameter bounds: only keys within; only pages that may hold such keys are read.
    public func rows(
        _ plan: StatePlan, schema: KeySchema, bounds: KeyBounds = .all
    ) throws -> any RowSource {
        let image = try ImageScan(plan.image, schema: schema, repository: self, bounds: bounds)
        if plan.runs.isEmpty { return image }
        let runs = try plan.runs.map {
            try RunScan($0.tree, schema: schema, repository: self, bounds: bounds)
        }
        return try MergedState(
            image: image, net: try NetChanges(runs: runs, before: plan.before))
    }

    /// Puts the outlined values of a block in their places.
    ///
    /// - Parameters:
    ///   - range: which rows of the block.
    ///   - target: gets the whole rows.
    public func expand(
        _ block: RowBlock, _ range: Range<Int>, into target: inout RowBuffer
    ) throws {
        if !block.hasOutlined {
            target.append(block.rows, range)
            return
        }
        try expand(block.rows, range, into: &target)
    }

    private func expand(
        _ rows: borrowing RowBuffer, _ range: Range<Int>, into target: inout RowBuffer
    ) throws {
        var value = ByteWriter(capacity: 1 << 16)
        for index in range {
            value.removeAll()
            try Outlining.expand(rows.value(index), into: &value) {
                (id, _, output) throws(VarveError) in
                output.append(try blobs.plain(id, as: .outlinedValue))
            }
            target.append(key: rows.key(index), value: value.bytes)
        }
    }

    /// One item's value at a state: canonical and whole; nil if there is no such item.
    /// - Complexity: one page of each run that holds the key, and one of the image.
    public func value(_ key: [UInt8], in plan: StatePlan, schema: KeySchema) throws -> [UInt8]? {
        let bounds = KeyBounds(lower: key, upper: key + [0])
        let source = try rows(plan, schema: schema, bounds: bounds)
        while let block = try source.nextBlock() {
            for index in 0..<block.rows.count where block.rows.order(index, key: key.raw) == 0 {
                var whole = RowBuffer()
                try expand(block, index..<index + 1, into: &whole)
                return whole.valueBytes(0)
            }
        }
        return nil
    }
}

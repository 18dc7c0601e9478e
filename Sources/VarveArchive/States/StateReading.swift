import VarveBytes
import VarveFormat
public import VarveModel

extension Repository {
    /// The rows of a state, in key order, in-line values not expanded.
    /// - Parameters:
    ///   - bounds: only keys within; only pages that may hold such keys are read.
    ///   - sum: is told what the last changes came to.
    public func rows(
        _ plan: StatePlan, schema: KeySchema, bounds: KeyBounds = .all,
        adding sum: StretchSum? = nil
    ) throws -> any RowSource {
        if plan.runs.isEmpty {
            return try ImageScan(plan.image, schema: schema, repository: self, bounds: bounds)
        }
        // Of few runs several pages ahead, of many none: each page decoded takes memory.
        let share = max(pipelineLimit / (plan.runs.count + 1), min(2, pipelineLimit))
        let image = try ImageScan(
            plan.image, schema: schema, repository: self, bounds: bounds, ahead: share)
        let ahead = plan.runs.count > 32 ? 1 : share
        let runs = try plan.runs.map {
            try RunScan(
                $0.tree, schema: schema, repository: self, bounds: bounds,
                times: .min..<plan.before, isNet: true, since: sum?.start ?? .min, ahead: ahead)
        }
        let net = try NetChanges(runs: runs, before: plan.before, since: sum?.start ?? .min)
        return try MergedState(image: image, net: net, adding: sum)
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

    func expand(
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
    ///
    /// Asks the newest run first, and stops at the first that knows the key.
    /// - Complexity: at most two leaves of each run, whatever the number of versions that the item
    ///   has, and one of the image.
    public func value(_ key: [UInt8], in plan: StatePlan, schema: KeySchema) throws -> [UInt8]? {
        for run in plan.runs.reversed() {
            let found = try lastChange(of: key, before: plan.before, in: run.tree, schema: schema)
            guard let (block, index) = found else { continue }
            if block.changes.stamps[index].kind == .tombstone { return nil }
            return try wholeValue(block.changes.rows, index, block.hasOutlined)
        }
        return try value(key, in: plan.image, schema: schema)
    }

    /// One item's value in an image; nil if there is no such item.
    func value(
        _ key: [UInt8], in image: TreeReference, schema: KeySchema
    ) throws -> [UInt8]? {
        let scan = try ImageScan(
            image, schema: schema, repository: self, bounds: KeyBounds(key: key))
        guard let block = try scan.nextBlock() else { return nil }
        return try wholeValue(block.rows, 0, block.hasOutlined)
    }

    /// The value of a row with its outlined values in their places.
    func wholeValue(
        _ rows: borrowing RowBuffer, _ index: Int, _ hasOutlined: Bool
    ) throws -> [UInt8] {
        var whole = RowBuffer(capacity: 1 << 10)
        try blobs.expand(rows, index, hasOutlined, into: &whole)
        return whole.valueBytes(0)
    }
}

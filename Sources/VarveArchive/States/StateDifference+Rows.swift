import VarveBytes
import VarveFormat
public import VarveModel

extension Repository {
    /// What changed between a state and rows from elsewhere: a file, another repository.
    ///
    /// Reads both from end to end, a block of each in memory. In-line rows are compared; only what
    /// is given out is expanded.
    /// - Parameters:
    ///   - plan: the state before.
    ///   - rows: whole canonical rows, keys ascending.
    ///   - isReversed: the rows are what was before, and the state is what came after.
    public func difference(
        from plan: StatePlan, to rows: any RowSource, schema: KeySchema, isReversed: Bool = false
    ) throws -> any DifferenceSource {
        RowDifference(
            state: try StateCursor(self.rows(plan, schema: schema)), rows: try StateCursor(rows),
            blobs: blobs, isReversed: isReversed)
    }
}

/// Merges a state with whole rows.
private final class RowDifference: DifferenceSource {
    private let state: StateCursor
    private let rows: StateCursor
    private let blobs: BlobStore
    private let isReversed: Bool

    init(state: StateCursor, rows: StateCursor, blobs: BlobStore, isReversed: Bool) {
        self.state = state
        self.rows = rows
        self.blobs = blobs
        self.isReversed = isReversed
    }

    func nextBlock() throws -> DifferenceBlock? {
        let result = DifferenceBlock()
        while result.byteCount < Self.blockBytes {
            guard try takeKey(into: result) else { break }
        }
        return result.entries.isEmpty ? nil : result
    }

    private func takeKey(into result: DifferenceBlock) throws -> Bool {
        let order: Int
        switch (state.isAtEnd, rows.isAtEnd) {
        case (true, true): return false
        case (false, true): order = -1
        case (true, false): order = 1
        case (false, false):
            let (block, index) = rows.current
            order = state.order(to: block.rows, index)
        }
        let isUnchanged = order == 0 ? try isEqual() : false
        if !isUnchanged {
            if order <= 0 { try copyState(into: result) }
            if order >= 0 { copyRow(into: result) }
            let hasState = order <= 0
            let hasRow = order >= 0
            result.add(
                hasOld: isReversed ? hasRow : hasState, hasNew: isReversed ? hasState : hasRow)
        }
        if order <= 0 { try state.advance() }
        if order >= 0 { try rows.advance() }
        return true
    }

    private func copyState(into result: DifferenceBlock) throws {
        let (block, index) = state.current
        if isReversed {
            try blobs.expand(block.rows, index, block.hasOutlined, into: &result.new)
        } else {
            try blobs.expand(block.rows, index, block.hasOutlined, into: &result.old)
        }
    }

    private func copyRow(into result: DifferenceBlock) {
        let (block, index) = rows.current
        if isReversed {
            result.old.append(block.rows, index..<index + 1)
        } else {
            result.new.append(block.rows, index..<index + 1)
        }
    }

    /// Whether both have the same value under the key at hand.
    private func isEqual() throws -> Bool {
        let (block, index) = rows.current
        if state.valueEquals(block.rows, index) { return true }
        // A value that long may stand in the archive with parts outlined.
        guard state.current.block.hasOutlined else { return false }
        return try equalsOutlined(block.rows, index)
    }

    private func equalsOutlined(_ whole: borrowing RowBuffer, _ index: Int) throws -> Bool {
        let value = whole.value(index)
        if value.byteCount < Outlining.valueLimit { return false }
        var inline = ByteWriter(capacity: value.byteCount)
        _ = try Outlining.outline(value, into: &inline) {
            (plain) throws(VarveError) -> Hash256 in sha256(plain)
        }
        let (block, place) = state.current
        return block.rows.valueEquals(place, inline.bytes)
    }
}

extension RowBuffer {
    /// Whether the value of row `index` is these bytes.
    func valueEquals(_ index: Int, _ bytes: RawSpan) -> Bool { value(index).equals(bytes) }
}

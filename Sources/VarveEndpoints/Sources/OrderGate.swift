import Synchronization
public import VarveBytes
import VarveModel

extension VarveError.Code {
    /// Rows were promised in key order and are not: the source must be read again and sorted.
    public static let unsorted = VarveError.Code("unsorted")
}

/// Lets rows pass while they ascend, and sorts them when they do not.
///
/// The first batches are held back: as long as none has passed, sorting can begin unnoticed.
struct OrderGate: ~Copyable {
    /// Row bytes held back.
    static let holdBytes = 1 << 20

    private let files: SourceFileNames
    private let status: ReadStatus
    private let options: SortOptions
    private let holdBytes: Int
    private var sorter: RowSorter?
    private var held: [RowBatch] = []
    private var heldBytes = 0
    private var isOpen = false
    /// The last row that passed or is held back: its key, and where it stood.
    private var last: (key: [UInt8], origin: RowOrigin)?

    init(
        _ order: RowOrder, files: SourceFileNames, status: ReadStatus, options: SortOptions,
        holdBytes: Int = OrderGate.holdBytes
    ) {
        self.files = files
        self.status = status
        self.options = options
        self.holdBytes = holdBytes
        if order == .sorted { startSorting() }
    }

    private mutating func startSorting() {
        sorter = RowSorter(options, files: files)
        status.isSorting.store(true, ordering: .relaxed)
    }

    /// Takes the next rows of the source.
    /// - Throws: `unsorted` if rows have passed and these do not follow them.
    mutating func take(
        _ batch: RowBatch, disorder: Int?, emit: (RowBatch) throws(VarveError) -> Void
    ) throws(VarveError) {
        if let sorter { return try sorter.add(batch) }
        if try !follows(batch, disorder) {
            if isOpen { throw unsorted(batch, disorder ?? 0) }
            startSorting()
            for earlier in held { try sorter?.add(earlier) }
            held = []
            last = nil
            try sorter?.add(batch)
            return
        }
        last = (batch.rows.lastKeyBytes(), batch.origins[batch.count - 1])
        if isOpen { return try emit(batch) }
        held.append(batch)
        heldBytes += batch.rows.byteCount
        if heldBytes >= holdBytes { try release(emit) }
    }

    private mutating func release(
        _ emit: (RowBatch) throws(VarveError) -> Void
    ) throws(VarveError) {
        isOpen = true
        let batches = held
        held = []
        for batch in batches { try emit(batch) }
    }

    /// Lets the rest pass: what was held back, or all rows in key order.
    mutating func finish(
        batchBytes: Int, emit: (RowBatch) throws(VarveError) -> Void
    ) throws(VarveError) {
        guard let sorter else { return try release(emit) }
        self.sorter = nil
        let sorted = try sorter.finish()
        while let batch = try sorted.nextBatch(size: batchBytes) { try emit(batch) }
    }

    /// Whether a batch ascends and follows the one before it.
    /// - Throws: if a key stands twice in a row.
    private func follows(_ batch: RowBatch, _ disorder: Int?) throws(VarveError) -> Bool {
        if let last, !batch.rows.follows(last.key.raw) {
            if batch.rows.begins(withKey: last.key.raw) {
                throw files.duplicate(last.origin, batch.origins[0])
            }
            return false
        }
        guard let disorder else { return true }
        if batch.rows.sameKey(disorder, as: disorder - 1) {
            throw files.duplicate(batch.origins[disorder - 1], batch.origins[disorder])
        }
        return false
    }

    private func unsorted(_ batch: RowBatch, _ index: Int) -> VarveError {
        VarveError(
            .unsorted, "the items are not in key order from here on; they must be sorted",
            at: batch.place(of: index).description)
    }
}

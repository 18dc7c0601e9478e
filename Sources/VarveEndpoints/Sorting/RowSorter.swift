import VarveBytes
import VarveModel

/// Puts any number of rows in key order, in bounded memory.
///
/// Rows are gathered up to a bound, sorted and written to a temporary file as a run; the runs are
/// merged, in several passes where there are many. Rows that come in order make one run however
/// many they are, and rows that fit the bound make no file at all.
final class RowSorter {
    private let options: SortOptions
    private let files: SourceFileNames
    private var buffer = SortBuffer()
    private var file: SpillFile?
    private var runs: [SpillRun] = []
    private var openRun: SpillRunWriter?
    private var lastKey = ByteWriter()
    /// What all spilled keys begin with.
    private var shared: [UInt8]?

    init(_ options: SortOptions, files: SourceFileNames) {
        self.options = options
        self.files = files
    }

    /// Runs written so far, over all passes; for tests and for what is told to the user.
    private(set) var runCount = 0
    private(set) var passCount = 0

    func add(_ batch: RowBatch) throws(VarveError) {
        buffer.append(batch)
        if buffer.memoryBytes >= options.memoryBytes { try spill() }
    }

    private func spill() throws(VarveError) {
        buffer.sort()
        shared = buffer.sharedPrefix(with: shared)
        if openRun == nil || !buffer.follows(lastKey) {
            try closeRun()
            openRun = SpillRunWriter(try spillFile(), blockBytes: options.blockBytes)
        }
        try openRun?.append(buffer)
        buffer.copyLastKey(to: &lastKey)
        buffer.removeAll()
    }

    private func spillFile() throws(VarveError) -> SpillFile {
        if let file { return file }
        let made = try SpillFile(directory: options.directory)
        file = made
        return made
    }

    private func closeRun() throws(VarveError) {
        guard let run = try openRun?.finish() else { return }
        openRun = nil
        runs.append(run)
        runCount += 1
    }

    /// Ends the gathering; the rows can then be taken.
    func finish() throws(VarveError) -> SortedRows {
        guard let file = file else {
            buffer.sort()
            return SortedRows(memory: take(), files: files)
        }
        if buffer.count > 0 { try spill() }
        buffer = SortBuffer()
        try closeRun()
        var source = file
        while runs.count > options.mergeWidth { source = try mergePass(from: source) }
        passCount += 1
        let merger = try RunMerger(source, runs, shared: shared?.count ?? 0)
        return SortedRows(merger: merger, files: files)
    }

    private func take() -> SortBuffer {
        var empty = SortBuffer()
        swap(&empty, &buffer)
        return empty
    }

    /// Merges neighbouring runs into fewer, in a new file; the old one goes with its last reader.
    private func mergePass(from source: SpillFile) throws(VarveError) -> SpillFile {
        passCount += 1
        let target = try SpillFile(directory: options.directory)
        var merged: [SpillRun] = []
        for start in stride(from: 0, to: runs.count, by: options.mergeWidth) {
            let group = Array(runs[start..<min(start + options.mergeWidth, runs.count)])
            let merger = try RunMerger(source, group, shared: shared?.count ?? 0)
            var writer = SpillRunWriter(target, blockBytes: options.blockBytes)
            while try merger.advance() {
                try merger.withCurrent { row throws(VarveError) in
                    try writer.append(key: row.key, value: row.value, origin: row.origin)
                }
            }
            merged.append(try writer.finish())
        }
        runs = merged
        runCount += merged.count
        file = target
        return target
    }
}

/// Rows in key order, strictly: a key that stands twice is an error that names both places.
final class SortedRows {
    private enum Origin: ~Copyable {
        case memory(SortBuffer)
        case runs(RunMerger)
    }

    private let origin: Origin
    private let files: SourceFileNames
    private var rank = 0
    private var lastKey = ByteWriter()
    private var lastOrigin: RowOrigin?

    init(memory: consuming SortBuffer, files: SourceFileNames) {
        origin = .memory(memory)
        self.files = files
    }

    init(merger: RunMerger, files: SourceFileNames) {
        origin = .runs(merger)
        self.files = files
    }

    /// The next rows, about `size` bytes of them, or nil behind the last.
    func nextBatch(size: Int) throws(VarveError) -> RowBatch? {
        var rows = RowBuffer(capacity: size + size / 8)
        var origins: [RowOrigin] = []
        switch origin {
        case .memory(let buffer):
            while rows.byteCount < size, rank < buffer.count {
                try take(buffer, buffer.index(rank: rank), &rows, &origins)
                rank += 1
            }
        case .runs(let merger):
            while rows.byteCount < size, try merger.advance() {
                try merger.withCurrent { row throws(VarveError) in
                    try note(row.key, row.origin)
                    rows.append(key: row.key, value: row.value)
                    origins.append(row.origin)
                }
            }
        }
        if origins.isEmpty { return nil }
        return RowBatch(rows: rows, origins: .each(origins), files: files)
    }

    private func take(
        _ buffer: borrowing SortBuffer, _ index: Int, _ rows: inout RowBuffer,
        _ origins: inout [RowOrigin]
    ) throws(VarveError) {
        try note(buffer.rows.key(index), buffer.origins[index])
        rows.append(buffer.rows, index..<index + 1)
        origins.append(buffer.origins[index])
    }

    private func note(_ key: RawSpan, _ place: RowOrigin) throws(VarveError) {
        if let lastOrigin, lastKey.bytes.equals(key) {
            throw files.duplicate(lastOrigin, place)
        }
        lastKey.removeAll()
        lastKey.append(key)
        lastOrigin = place
    }
}

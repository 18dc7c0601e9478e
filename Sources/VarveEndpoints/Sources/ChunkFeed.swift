import Synchronization
import VarveBytes

/// The chunks of a source's files, one after another; checks each file's MD5 when it ends.
final class ChunkFeed {
    private let source: TableSource
    private let status: ReadStatus
    private var index = 0
    private var input: SourceInput?
    /// One of the two cuts the current file.
    private var lineCutter: LineCutter?
    private var scanCutter: ScanCutter?
    /// Stored bytes of the files before the current one.
    private var storedBefore: Int64 = 0

    init(_ source: TableSource, status: ReadStatus) {
        self.source = source
        self.status = status
    }

    func next() throws(VarveError) -> SourceChunk? {
        while index < source.parts.count {
            let part = source.parts[index]
            let input = try openInput(part)
            let chunk = try cut(input, part.format)
            status.storedCount.store(storedBefore + input.storedCount, ordering: .relaxed)
            if let chunk { return chunk }
            try check(input, part)
            storedBefore += input.storedCount
            self.input = nil
            index += 1
        }
        return nil
    }

    private func openInput(_ part: TableSource.SourcePart) throws(VarveError) -> SourceInput {
        if let input { return input }
        let opened = try source.input(of: part)
        input = opened
        let (start, target) = (opened.plainCount, source.options.chunkBytes)
        switch part.format {
        case .scan: scanCutter = ScanCutter(file: index, at: start, target: target)
        case .lines, .empty: lineCutter = LineCutter(file: index, at: start, target: target)
        }
        return opened
    }

    private func cut(
        _ input: SourceInput, _ format: SourceFormat
    ) throws(VarveError) -> SourceChunk? {
        switch format {
        case .scan: try scanCutter?.next(input)
        case .lines, .empty: try lineCutter?.next(input)
        }
    }

    private func check(
        _ input: SourceInput, _ part: TableSource.SourcePart
    ) throws(VarveError) {
        guard let recorded = part.md5, let digest = input.takeDigest() else { return }
        if ExportDirectory.base64(digest) != recorded {
            throw VarveError(
                .invalidInput,
                "the file is damaged: its MD5 is not the one in manifest-files.json; fetch it "
                    + "again",
                at: part.path)
        }
    }
}

/// What a reader tells while it reads, from another thread.
final class ReadStatus: Sendable {
    /// Bytes read, as they are stored.
    let storedCount = Atomic<Int64>(0)
    let itemCount = Atomic<Int64>(0)
    let isSorting = Atomic<Bool>(false)
    let isReadToEnd = Atomic<Bool>(false)
}

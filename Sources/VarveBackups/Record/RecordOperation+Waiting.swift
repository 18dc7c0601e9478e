import VarveArchive

// While nothing comes.

extension RecordOperation {
    /// Microseconds.
    static let longestWait: Int64 = 200_000
    /// A pause shorter than this may only mean that a parcel is being parsed.
    private static let shortestWait: Int64 = 10_000

    /// How long nothing needs to be done, if nothing comes; microseconds.
    func waitingTime() -> Int64 {
        let now = repository.now()
        var wait = Self.longestWait
        for table in tables {
            if let next = table.recorder.nextFlush { wait = min(wait, next - now) }
        }
        return max(Self.shortestWait, wait)
    }

    /// Tells others that the recorders are at work, though nothing comes.
    func keepLeases() throws {
        for table in tables { try table.recorder.keepLease() }
    }
}

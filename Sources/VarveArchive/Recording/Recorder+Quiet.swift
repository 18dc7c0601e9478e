// Seconds in which nothing changed.

extension Recorder {
    /// Moves the end of the history on over seconds in which nothing changed. Does nothing if
    /// changes are held, or the range is closed.
    /// - Parameter time: a whole second; microseconds. A change before it that comes later comes
    ///   too late.
    /// - Throws: as `append`. Source: Spec 10, Quiet tables.
    public func moveOn(to time: Int64) throws {
        if isClosed || pendingCount > 0 || time <= historyEnd { return }
        try lease.refreshIfDue()
        lastCommit = repository.now()
        try publish(try assemble(before: time), to: time)
        acknowledge()
    }
}

import VarveBytes

/// Where a writer runs, as intents and leases tell it: host and process.
enum WriterProcess {
    /// Whether a writer is known to be at work no more: it is this very process, or one of this
    /// host that is gone. Of other hosts nobody knows.
    static func isGone(_ writer: String, seenFrom own: String) -> Bool {
        if writer == own { return true }
        let (there, here) = (writer.split(separator: " "), own.split(separator: " "))
        guard there.count == 2, here.count == 2, there[0] == here[0],
            let process = Int32(there[1])
        else { return false }
        return !CurrentProcess.isAlive(process)
    }
}

internal import CGlibc

extension CurrentProcess {
    /// Lets the process keep the memory that it frees, for the next buffer of that size.
    ///
    /// Otherwise the system takes a large buffer back when it is freed, and clears it page by page
    /// for the next one: half of all page faults of a backup. The process's memory then stays at
    /// its peak. For programs that end soon; call it before other threads run.
    public static func keepFreedMemory() { varve_keep_freed_memory() }
}

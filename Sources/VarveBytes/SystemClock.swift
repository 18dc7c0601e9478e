#if canImport(Glibc)
    internal import Glibc
#endif

/// The system's clock of the time of day, and the process's number.
public enum SystemClock {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public static func microseconds() -> Int64 {
        var value = timespec()
        let result = unsafe clock_gettime(CLOCK_REALTIME, &value)
        precondition(result == 0, "the system has no clock")
        return Int64(value.tv_sec) * 1_000_000 + Int64(value.tv_nsec) / 1000
    }
}

/// This process, for the records that tell people who is at work.
public enum CurrentProcess {
    public static var identifier: Int32 { getpid() }

    /// Processor cores of the machine, at least 1.
    public static var coreCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The machine's name, or "unknown".
    public static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        let result = unsafe gethostname(&buffer, buffer.count - 1)
        guard result == 0 else { return "unknown" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// From now on a write to someone who has gone away fails with EPIPE and ends no process.
    public static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// A file that would exceed a limit gives an error rather than end the process.
    public static func ignoreFileSizeLimits() {
        _ = signal(SIGXFSZ, SIG_IGN)
    }
}

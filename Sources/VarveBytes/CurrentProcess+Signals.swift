internal import Dispatch
internal import Synchronization
#if canImport(Glibc)
    internal import Glibc
#endif

// What a command-line program needs of the system: its environment, signals, and its end.

extension CurrentProcess {
    /// The value of an environment variable; nil if it is not set or not UTF-8.
    public static func environmentValue(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(validatingCString: value)
    }

    /// Signal sources live as long as the process.
    private static let signalSources = Mutex<[any DispatchSourceSignal]>([])

    /// Calls `handler` on another thread when someone asks the process to end (SIGINT, SIGTERM,
    /// SIGHUP), instead of ending it. Call it once.
    public static func onInterruption(_ handler: @escaping @Sendable () -> Void) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(
                signal: number, queue: .global(qos: .userInitiated))
            source.setEventHandler(handler: handler)
            source.resume()
            signalSources.withLock { $0.append(source) }
        }
    }

    /// Ends the process.
    public static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

extension SystemError {
    /// Whether whoever reads the output has gone away (EPIPE).
    public var isBrokenPipe: Bool { number == EPIPE }
}

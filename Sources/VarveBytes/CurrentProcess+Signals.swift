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

    /// Signal sources, which live as long as the process.
    ///
    /// Sendable: it changes no more once it is made.
    private final class SignalWatch: @unchecked Sendable {
        private let sources: [any DispatchSourceSignal]

        init(_ numbers: [Int32], _ handler: @escaping @Sendable () -> Void) {
            sources = numbers.map { number in
                _ = signal(number, SIG_IGN)
                let source = DispatchSource.makeSignalSource(
                    signal: number, queue: .global(qos: .userInitiated))
                source.setEventHandler(handler: handler)
                source.resume()
                return source
            }
        }
    }

    private static let signalWatch = Mutex<SignalWatch?>(nil)

    /// Calls `handler` on another thread when someone asks the process to end (SIGINT, SIGTERM,
    /// SIGHUP), instead of ending it. The last handler counts.
    public static func onInterruption(_ handler: @escaping @Sendable () -> Void) {
        let watch = SignalWatch([SIGINT, SIGTERM, SIGHUP], handler)
        signalWatch.withLock { $0 = watch }
    }

    /// Ends the process.
    public static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

extension SystemError {
    /// Whether whoever reads the output has gone away (EPIPE).
    public var isBrokenPipe: Bool { number == EPIPE }
}

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

    /// Takes the places of standard streams that the process was started without. Else the next
    /// file that is opened would get such a place, and what is printed would go into it.
    public static func occupyStandardStreams() {
        for stream in Int32(0)...2 where fcntl(stream, F_GETFD) == -1 {
            // The wrong way round: to read or to write fails as it does with a closed one. The
            // least free place is taken, and that is this one.
            _ = unsafe open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY)
        }
    }

    /// Ends the process.
    public static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

extension SystemError {
    /// Whether whoever reads the output has gone away (EPIPE).
    public var isBrokenPipe: Bool { number == EPIPE }
}

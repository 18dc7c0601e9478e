import Dispatch
import Synchronization
import VarveBackups
import VarveBytes

/// A line on the terminal that shows how far an operation has come; in a pipe there is none.
///
/// Sendable: a dispatch source may be used from any thread; what changes is behind a lock.
final class ProgressLine: @unchecked Sendable {
    private let control: OperationControl
    private let verb: String
    private let countsBytes: Bool
    private let noun: String
    private let started = SystemClock.microseconds()
    private let timer: any DispatchSourceTimer
    /// Whether a line stands on the terminal; also keeps the timer and the end apart.
    private let isShown = Mutex(false)
    private static let interval = DispatchTimeInterval.milliseconds(200)

    /// - Parameters:
    ///   - verb: what is being done: `reading`.
    ///   - countsBytes: whether the control's units are bytes; else they are items.
    ///   - noun: what is counted beside bytes.
    init(
        _ control: OperationControl, verb: String, countsBytes: Bool, noun: String = "item"
    ) {
        self.noun = noun
        self.control = control
        self.verb = verb
        self.countsBytes = countsBytes
        let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
        self.timer = timer
        timer.schedule(deadline: .now() + Self.interval, repeating: Self.interval)
        timer.setEventHandler { [weak self] in self?.show() }
        timer.activate()
    }

    private func show() {
        let text = self.text
        isShown.withLock { isShown in
            if timer.isCancelled { return }
            Console.note("\r\u{1b}[K" + text)
            isShown = true
        }
    }

    private var text: String {
        let elapsed = max(0.001, Double(SystemClock.microseconds() - started) / 1_000_000)
        let (done, total) = (control.done, control.total)
        let rate = Double(done) / elapsed
        func amount(_ value: Int) -> String {
            countsBytes ? Quantities.bytes(value) : Quantities.count(value)
        }
        var line = verb
        if total > 0 {
            let share = Int(min(100, Double(done) / Double(total) * 100))
            line += "  \(share) %  \(amount(done)) of \(amount(total))"
        } else {
            line += "  \(amount(done))"
        }
        if countsBytes { line += "  \(Quantities.count(control.items, noun))" }
        line += "  \(amount(Int(rate)))\(countsBytes ? "" : " items")/s"
        if total > done, rate > 0 {
            let left = Int64((Double(total - done) / rate).rounded(.up))
            line += "  \(Quantities.duration(seconds: left)) left"
        }
        return line
    }

    /// Removes the line.
    func end() {
        timer.cancel()
        isShown.withLock { isShown in
            if isShown { Console.note("\r\u{1b}[K") }
            isShown = false
        }
    }
}

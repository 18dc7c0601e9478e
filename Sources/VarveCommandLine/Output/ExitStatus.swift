import VarveBackups
import VarveBytes
import VarveEndpoints

/// How the process ends; part of the interface, listed in `varve help exit-status`.
enum ExitStatus: Int32 {
    case success = 0
    case failure = 1
    case usage = 2
    /// A source, a key, a time or another input that cannot be accepted.
    case invalidInput = 3
    case noRepository = 10
    /// Another writer was faster; trying again may succeed.
    case conflict = 11
    /// Reserved for encrypted repositories.
    case wrongPassword = 12
    /// Damage was found, or a proof failed.
    case damage = 20
    case interrupted = 130
    /// Whoever read the output went away.
    case brokenPipe = 141

    init(_ error: VarveError) {
        switch error.code {
        case .invalidInput, .unsorted, .noSource: self = .invalidInput
        case .noRepository: self = .noRepository
        case .conflict: self = .conflict
        case .damaged, .proofFailed: self = .damage
        case .interrupted: self = .interrupted
        case .brokenPipe: self = .brokenPipe
        default: self = .failure
        }
    }
}

extension VarveError.Code {
    /// No repository is where one was expected.
    static let noRepository = VarveError.Code("no-repository")
    /// Whoever read the output went away.
    static let brokenPipe = VarveError.Code("broken-pipe")
    /// Arguments that do not fit together.
    static let usage = VarveError.Code("usage")
    /// An error that this program did not expect to see.
    static let unexpected = VarveError.Code("unexpected")
}

public import VarveArchive
public import VarveBytes
import VarveFormat

/// How thoroughly a repository is to be checked.
public struct VerifyRequest: Sendable {
    /// Which states to restore in memory.
    public enum Restores: Sendable, Hashable {
        case none
        /// A backup by name, ARN or the beginning of an id, of any table; or else a time, for every
        /// table that has a state there.
        case named(String)
        case all
        /// So many instants of each table, chosen at random among those whose states are known.
        case random(Int)

        /// How many instants may be chosen at random.
        public static let countMax = 100_000

        /// Reads `all`, `random:N`, a time, or the name of a backup.
        /// - Throws: `invalidInput` if it begins like `random:N` and N is no such number.
        public init(_ text: String) throws(VarveError) {
            if text == "all" {
                self = .all
            } else if text.hasPrefix("random:") {
                guard let count = Int(text.dropFirst(7)), 1...Self.countMax ~= count else {
                    throw VarveError(
                        .invalidInput,
                        "'\(text)' is no number of instants; write random:N with N from 1 to "
                            + "\(Self.countMax), for example random:5")
                }
                self = .random(count)
            } else {
                self = .named(text)
            }
        }
    }

    /// Which packs to read.
    public var data = VerificationOptions.Data.none
    /// Whether to decode every value of the pages read, and to encode them again.
    public var decodesPages = false
    public var restores = Restores.none
    /// Whether to prove every state of every table in one pass over its changes.
    public var provesEverySecond = false
    /// Heads that were kept outside the repository.
    public var anchors: [VerificationOptions.Anchor] = []

    public init() {}

    /// Reads an anchor: a head's 64 hexadecimal digits, and behind an `@` its table, if known.
    /// - Throws: `invalidInput`.
    public static func anchor(_ text: String) throws(VarveError) -> VerificationOptions.Anchor {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let hash = Hash256(hexadecimal: String(parts[0])) else {
            throw VarveError(
                .invalidInput,
                "'\(text)' is no anchor; write HASH or HASH@TABLE with the 64 digits that a "
                    + "receipt or 'varve head' prints as the head")
        }
        let table = parts.count == 2 ? String(parts[1]) : nil
        // A table's title may stand for its name: 'Orders (2)'.
        if let table { try TableName.check(String(table.split(separator: " ").first ?? "")) }
        return VerificationOptions.Anchor(hash: hash, table: table)
    }

    /// Reads a share of the data: `2/7`, the second of seven parts, or `5%`, chosen at random.
    /// - Throws: `invalidInput`.
    public static func subset(_ text: String) throws(VarveError) -> VerificationOptions.Data {
        if text.hasSuffix("%"), let share = Double(text.dropLast()), share > 0, share <= 100 {
            return .percent(share)
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 2, let number = UInt64(parts[0]), let count = UInt64(parts[1]),
            number >= 1, number <= count
        {
            return .part(number: number, of: count)
        }
        throw VarveError(
            .invalidInput,
            "'\(text)' is no part of the data; write N/M, for example 2/7, or a share such as 5%")
    }
}

/// Checks a repository.
public struct VerifyOperation {
    private let repository: Repository
    private let request: VerifyRequest
    private let control: OperationControl

    public init(
        _ repository: Repository, _ request: VerifyRequest,
        control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.request = request
        self.control = control
    }

    /// - Throws: `notFound`, `ambiguous` for the backup that was named. What is wrong with the
    ///   repository is no error, but in the report.
    public func run() throws(VarveError) -> VerificationReport {
        var options = VerificationOptions(data: request.data, decodesPages: request.decodesPages)
        options.anchors = request.anchors
        options.provesEverySecond = request.provesEverySecond
        options.isStopping = { [control] in control.isStopping }
        switch request.restores {
        case .none: break
        case .all: options.drill = .allBackups
        case .named(let name): options.drill = try drill(name)
        case .random(let count): options.drill = .instants(try randomInstants(count))
        }
        return repository.verify(options) { [control] progress in
            control.begin(total: Int(clamping: progress.total))
            control.report(done: Int(clamping: progress.done), items: 0)
        }
    }

    /// A backup if there is one of that name, else a time.
    private func drill(_ name: String) throws(VarveError) -> VerificationOptions.Drill {
        let missing: VarveError
        do throws(VarveError) {
            let (table, backup) = try find(name)
            return .backup(table, backup)
        } catch {
            guard error.code == .notFound else { throw error }
            missing = error
        }
        let instant: Instant
        do throws(VarveError) {
            instant = try TimeText.instant(name)
        } catch {
            throw VarveError(
                .notFound, missing.message + "; and as a time: \(error.message)")
        }
        return .instants(try tables(at: instant))
    }

    /// The tables that have a state at an instant.
    private func tables(at instant: Instant) throws(VarveError) -> [TableID: [Instant]] {
        var result: [TableID: [Instant]] = [:]
        var refusal: VarveError?
        for table in try repository.catalog(for: .reading).tables {
            let history = try repository.history(table.id, table.record, for: .reading)
            do throws(VarveError) {
                _ = try history.soundPlan(at: instant)
                result[table.id] = [instant]
            } catch {
                // What is damaged is for the report.
                if error.code == .damaged { result[table.id] = [instant] }
                if refusal == nil { refusal = error }
            }
        }
        if let refusal, result.isEmpty { throw refusal }
        return result
    }

    /// Instants of each table whose states are exactly known, chosen at random.
    private func randomInstants(_ count: Int) throws(VarveError) -> [TableID: [Instant]] {
        var result: [TableID: [Instant]] = [:]
        for table in try repository.catalog(for: .reading).tables {
            let history = try repository.history(table.id, table.record, for: .reading)
            result[table.id] = try history.randomInstants(count, repository.environment.random)
        }
        return result
    }

    private func find(_ name: String) throws(VarveError) -> (TableID, BackupID) {
        var found: [(history: TableHistory, record: BackupRecord)] = []
        for table in try repository.catalog(for: .reading).tables {
            let history = try repository.history(table.id, table.record, for: .reading)
            do {
                found.append((history, try history.backup(named: name)))
            } catch let error where error.code == .notFound {
                continue
            }
        }
        if found.count == 1 { return (found[0].history.id, found[0].record.id) }
        let candidates = found.map {
            "\($0.record.id.description.prefix(8)) of \($0.history.record.title)"
        }
        throw found.isEmpty
            ? VarveError(.notFound, "no table has a backup '\(name)'")
            : VarveError(
                .ambiguous,
                "\(found.count) tables have a backup '\(name)'; use the beginning of its id: "
                    + candidates.joined(separator: ", "))
    }
}

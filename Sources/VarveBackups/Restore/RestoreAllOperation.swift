public import VarveArchive
import VarveBytes
import VarveEndpoints
import VarveFormat

/// Restores all tables of a repository to one instant.
public struct RestoreAllOperation {
    private let repository: Repository
    private let request: RestoreRequest
    private let skipsUnknown: Bool
    private let control: OperationControl

    /// - Parameters:
    ///   - request: what holds for each table: its state, its format; the target is the directory
    ///     to make, its table and keys are not used.
    ///   - skipsUnknown: leave out tables that have no such state, instead of refusing all.
    public init(
        _ repository: Repository, _ request: RestoreRequest, skipsUnknown: Bool = false,
        control: OperationControl = OperationControl()
    ) {
        self.repository = repository
        self.request = request
        self.skipsUnknown = skipsUnknown
        self.control = control
    }

    /// Restores of each name the newest incarnation that has the state. The directory comes into
    /// being with all tables in it, each proven, or not at all.
    /// - Returns: the receipts, by table, and why tables were left out.
    /// - Throws: `notFound`, naming every table that has no such state; and as `RestoreOperation`.
    public func run() throws -> (receipts: [RestoreReceipt], skipped: [String]) {
        // Refuses a target that is there.
        let temporary = try TemporaryName.beside(
            request.target, random: repository.environment.random)
        let (names, skipped) = try tables()
        try FileSystem.makeDirectory(temporary)
        do {
            var receipts: [RestoreReceipt] = []
            for name in names {
                let file = name + ending
                var part = request
                part.table = name
                part.target = "\(temporary)/\(file)"
                (part.partition, part.keyRange) = (nil, nil)
                var receipt = try RestoreOperation(repository, part, control: control).run()
                receipt.target = "\(request.target)/\(file)"
                receipts.append(receipt)
            }
            try FileSystem.synchronizeDirectory(temporary)
            try FileSystem.renameExclusively(temporary, to: request.target)
            return (receipts, skipped)
        } catch {
            throw error.including { try FileSystem.removeTree(temporary) }
        }
    }

    private var ending: String {
        switch request.format {
        case .dynamoDBJSON, .plainJSON: ".jsonl"
        case .csv: ".csv"
        case .export: ""
        }
    }

    /// The tables that have the state, by name; before anything is written.
    private func tables() throws(VarveError) -> (names: [String], skipped: [String]) {
        let catalog = try repository.catalog(for: .reading)
        control.tell(catalog.damage)
        var names: [String] = []
        var missing: [String] = []
        for name in Set(catalog.tables.map(\.record.name)).sorted() {
            if try repository.history(of: name, for: .reading).isEmpty { continue }
            do throws(VarveError) {
                _ = try repository.state(request.state, of: name)
                names.append(name)
            } catch {
                guard error.code == .notFound else { throw error }
                missing.append("table \(name): \(error.message)")
            }
        }
        if !missing.isEmpty, !skipsUnknown || names.isEmpty {
            throw VarveError(
                .notFound,
                missing.joined(separator: "; ")
                    + (names.isEmpty ? "" : "; to leave such tables out, use --skip-unknown"))
        }
        if names.isEmpty { throw VarveError(.notFound, "the repository has no tables yet") }
        return (names, missing)
    }
}

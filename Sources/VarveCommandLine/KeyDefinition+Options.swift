import VarveBackups
import VarveBytes
import VarveModel

extension KeyDefinition {
    /// The key schema that `--partition-key` and `--sort-key` give; nil if neither is there.
    static func schema(partition: String?, sort: String?) throws(VarveError) -> KeySchema? {
        guard let partition else {
            if sort == nil { return nil }
            throw VarveError(.usage, "--sort-key needs --partition-key beside it")
        }
        return try readingArgument { () throws(VarveError) in
            let sort = try sort.map { text throws(VarveError) in try attribute(text) }
            let partition = try attribute(partition)
            if let sort, sort.name == partition.name {
                throw VarveError(
                    .usage,
                    "--partition-key and --sort-key both name \(sort.name); they must differ")
            }
            return KeySchema(partition: partition, sort: sort)
        }
    }
}

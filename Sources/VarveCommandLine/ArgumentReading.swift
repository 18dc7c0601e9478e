import VarveBytes

/// Reads what an argument holds: what is malformed there is a mistake of the arguments.
/// - Throws: `usage` in place of `invalidInput`.
func readingArgument<Value>(
    _ read: () throws(VarveError) -> Value
) throws(VarveError) -> Value {
    do throws(VarveError) { return try read() } catch {
        guard error.code == .invalidInput else { throw error }
        throw VarveError(.usage, error.message, at: error.location)
    }
}

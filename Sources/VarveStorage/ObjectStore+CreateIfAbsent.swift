public import VarveBytes

extension ObjectStore {
    /// Creates an object unless there is one of that name.
    /// - Returns: whether this call created it; that another has is not an error.
    public func createIfAbsent(_ name: String, _ bytes: [UInt8]) throws(VarveError) -> Bool {
        do {
            try create(name, bytes)
            return true
        } catch let error where error.code == .exists {
            return false
        }
    }
}

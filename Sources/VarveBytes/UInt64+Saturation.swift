extension UInt64 {
    /// The sum, or the greatest number if it is greater. For numbers that were read and that
    /// nothing has proven yet: a forged count must not end the process.
    public func saturated(adding other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    /// Adds, and stays at the greatest number when it is reached.
    public static func |+= (sum: inout UInt64, other: UInt64) {
        sum = sum.saturated(adding: other)
    }
}

infix operator |+= : AssignmentPrecedence

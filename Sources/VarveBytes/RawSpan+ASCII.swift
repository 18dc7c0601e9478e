extension RawSpan {
    /// Whether all bytes are below 80.
    /// - Complexity: O(n), eight bytes a step.
    public var isASCII: Bool {
        var at = 0
        while at &+ 8 <= byteCount {
            if word(at: at) & 0x8080_8080_8080_8080 != 0 { return false }
            at &+= 8
        }
        while at < byteCount {
            if byte(at: at) >= 0x80 { return false }
            at &+= 1
        }
        return true
    }
}

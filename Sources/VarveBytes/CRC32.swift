internal import CZlib

/// CRC-32 (IEEE 802.3, as zlib). Source: Spec 08.
public func crc32(_ bytes: RawSpan) -> UInt32 {
    unsafe bytes.withUnsafeBytes { buffer in
        unsafe UInt32(
            truncatingIfNeeded: CZlib.crc32_z(
                0, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), buffer.count))
    }
}

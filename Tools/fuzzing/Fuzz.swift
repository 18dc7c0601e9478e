import Foundation

/// Which decoder this process drives: VARVE_FUZZ_DECODER.
private let decoder: Decoder = {
    let name = ProcessInfo.processInfo.environment["VARVE_FUZZ_DECODER"] ?? ""
    guard let decoder = Decoder(rawValue: name) else {
        fatalError("set VARVE_FUZZ_DECODER to one of \(Decoder.allCases.map(\.rawValue))")
    }
    return decoder
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if case .contradicts(let fault) = decoder.decode(bytes) { fatalError("contradicts: \(fault)") }
    return 0
}

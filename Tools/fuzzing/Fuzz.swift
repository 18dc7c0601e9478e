import Foundation

/// Which decoder this process drives: VARVE_FUZZ_DECODER.
private let decoder: Decoder = {
    let name = ProcessInfo.processInfo.environment["VARVE_FUZZ_DECODER"] ?? ""
    guard let decoder = Decoder(rawValue: name) else {
        fatalError("set VARVE_FUZZ_DECODER to one of \(Decoder.allCases.map(\.rawValue))")
    }
    return decoder
}()

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
private typealias Test = @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt

/// libFuzzer's own main function, for programs that have one already.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments?>,
    _ test: Test
) -> CInt

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if case .contradicts(let fault) = decoder.decode(bytes) { fatalError("contradicts: \(fault)") }
    return 0
}

/// The package manager lets the program begin here.
@_cdecl("fuzzing_main")
public func start(
    _ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> CInt {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments, testOneInput)
}

import Testing

@Suite("The tidy tests' own reader of Swift")
struct SwiftCodeTests {
    @Test("Comments and literals go, code and line breaks stay", arguments: [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d\n */ e", "a               \n    e"),
        (#"a("b // \" c") d"#, #"a(           ) d"#),
        (#"x("\(f("g"))h") y"#, #"x(            ) y"#),
        ("x(#\"a\"b\\(c)\"#) y", "x(           ) y"),
        ("s(\"\"\"\n a \"b\" \n\"\"\") t", "s(   \n       \n   ) t"),
    ])
    func blanks(source: String, code: String) {
        #expect(SwiftCode.blanked(source) == code)
    }

    @Test func functionsAreMeasured() {
        let code = """
            protocol P {
                func required(_ a: Int) throws -> Int
                init(b: Int)
                var c: Int { get }
            }
            func one() { self.init(a) }
            struct S {
                init?(
                    a: Int
                ) {
                    if a { b() }
                }
                func two<T>(_ f: (T) -> T) -> [T]
                where T: P { f() }
            }
            """
        #expect(SwiftCode.functions(in: code) == [
            .init(line: 6, lines: 1), .init(line: 8, lines: 5), .init(line: 13, lines: 2),
        ])
    }
}

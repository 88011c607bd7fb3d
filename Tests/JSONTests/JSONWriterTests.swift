import JSON
import Testing

@Suite struct `JSON writer` {
    @Test(
        arguments: [
            (nil, "null"),
            (true, "true"),
            (-9_223_372_036_854_775_808, "-9223372036854775808"),
            (4.0, "4.0"),
            (0.1, "0.1"),
            (1e300, "1e+300"),
            (.double(.leastNonzeroMagnitude), "5e-324"),
            ("", #""""#),
            (.string("\" \\ / \u{1}\u{1f}\n\r\t"), #""\" \\ / \u0001\u001f\n\r\t""#),
            (.string("\"one\ntwo\\"), #""\"one\ntwo\\""#),
            (.string("é\u{2028}\u{7F}🦦"), "\"é\u{2028}\u{7F}🦦\""),
            ([], "[]"),
            ([:], "{}"),
            (["b": [1, "x"], "a": ["c": nil]], #"{"b":[1,"x"],"a":{"c":null}}"#),
        ] as [(JSONValue, String)])
    func `writes what reads back as the same value`(value: JSONValue, text: String) throws {
        #expect(String(decoding: value.encoded(), as: UTF8.self) == text)
        #expect(try JSONValue(parsing: value.encoded()) == value)
        #expect(try JSONValue(parsing: value.encoded(isPretty: true)) == value)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `writes null for what is no number`(double: Double) {
        #expect(String(decoding: JSONValue.double(double).encoded(), as: UTF8.self) == "null")
    }

    @Test func `escapes what must be, wherever it stands`() throws {
        for code in 0..<0x180 as Range<UInt32> {
            guard let scalar = Unicode.Scalar(code) else { continue }
            for text in ["\(scalar)", "\(scalar)otter otter otter otter otter", "otter otter otter otter\(scalar)"] {
                let isEscaped = code < 0x20 || scalar == "\"" || scalar == "\\"
                let bytes = JSONValue.string(text).encoded()
                #expect(isEscaped == (bytes.count > text.utf8.count + 2))
                #expect(try JSONValue(parsing: bytes) == .string(text))
            }
        }
    }

    @Test func `writes what is JSON already as it stands`() {
        let value: JSONValue = ["report": .verbatim(#"{"n": 1}"#), "cost": nil]
        #expect(String(decoding: value.encoded(), as: UTF8.self) == #"{"report":{"n": 1},"cost":null}"#)
    }

    @Test func `indents by two spaces`() {
        let value: JSONValue = ["data": [["url": "x"], [:]], "n": 1, "none": []]
        #expect(
            String(decoding: value.encoded(isPretty: true), as: UTF8.self) == """
                {
                  "data": [
                    {
                      "url": "x"
                    },
                    {}
                  ],
                  "n": 1,
                  "none": []
                }
                """)
    }

    @Test func `replaces external strings anywhere`() {
        let value: JSONValue = ["images": [.external(1), "x", ["mask": .external(2)]]]
        #expect(
            value.replacingExternals { .string("#\($0)") } == ["images": ["#1", "x", ["mask": "#2"]]])
    }

    @Test func `leaves an external string empty in memory`() {
        #expect(JSONValue.array([.external(1), "a"]).encoded() == Array(#"["","a"]"#.utf8))
    }
}

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

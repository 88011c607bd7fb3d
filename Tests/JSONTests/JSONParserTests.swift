import JSON
import Testing

@Suite struct `JSON parser` {
    @Test(
        arguments: [
            ("null", nil),
            ("true", true),
            (" [ ] ", []),
            ("{}", [:]),
            ("0", 0),
            ("-0", 0),
            ("9223372036854775807", 9_223_372_036_854_775_807),
            ("9223372036854775808", .double(9_223_372_036_854_775_808)),
            ("4.0", 4.0),
            ("-1.5e-3", -0.0015),
            ("1E2", 100.0),
            (#""""#, ""),
            (#""a\"\\\/\b\f\n\r\t\u00e9\u20AC""#, .string("a\"\\/\u{8}\u{C}\n\r\té€")),
            (#""\ud83e\udda6 otter""#, "🦦 otter"),
            ("\"\u{7F}é€🦦\"", "\u{7F}é€🦦"),
            ("\u{FEFF}[1]", [1]),
            (#"{"b": [1, {"a": null}], "a": false}"#, ["b": [1, ["a": nil]], "a": false]),
            ("[1,\n\t2 ,\r\n3]", [1, 2, 3]),
        ] as [(String, JSONValue)])
    func `reads every kind of value, however the text is cut`(text: String, value: JSONValue) throws {
        let bytes = Array(text.utf8)
        #expect(try JSONValue(parsing: bytes) == value)
        #expect(try parse(bytes, pieceSize: 1) == value)
        for cut in bytes.indices {
            #expect(try parse(bytes, cutAt: cut) == value)
        }
    }

    @Test func `keeps the order of members`() throws {
        let object = try #require(try JSONValue(parsing: Array(#"{"z":1,"a":2,"m":3}"#.utf8)).object)
        #expect(object.members.map(\.name) == ["z", "a", "m"])
    }

    @Test(arguments: [
        ("", "line 1, column 1: the text is empty"),
        (" ", "line 1, column 2: the text is empty"),
        ("{\"prompt\": \"x\" ]", "line 1, column 16: expected ',' or '}' but found ']'"),
        ("[1 2]", "line 1, column 4: expected ',' or ']' but found '2'"),
        ("[1,]", "line 1, column 4: expected a value but found ']'"),
        ("{\"a\":1,}", "line 1, column 8: expected a name in double quotes but found '}'"),
        ("{a:1}", "line 1, column 2: expected a name in double quotes but found 'a'"),
        ("{\"a\" 1}", "line 1, column 6: expected ':' but found '1'"),
        ("1 1", "line 1, column 3: expected the end of the text but found '1'"),
        ("{\n  \"é🦦\": nul\n}", "line 2, column 9: expected 'true', 'false' or 'null'"),
        ("{\n  \"é🦦\": \"é\" x", "line 2, column 13: expected ',' or '}' but found 'x'"),
        ("// no", "line 1, column 1: expected a value but found '/'"),
        ("'a'", "line 1, column 1: expected a value but found '''"),
        ("NaN", "line 1, column 1: expected a value but found 'N'"),
        ("é", "line 1, column 1: expected a value but found a character outside of ASCII"),
        ("[\u{0}", "line 1, column 2: expected a value but found a control character"),
        ("[01]", "line 1, column 2: a number cannot start with 0"),
        ("[-]", "line 1, column 2: a number needs a digit after its sign"),
        ("[1.]", "line 1, column 2: a number needs a digit after its point"),
        ("[1e+]", "line 1, column 2: a number needs a digit in its exponent"),
        ("[1-2]", "line 1, column 2: '1-2' is not a number"),
        ("[1e999]", "line 1, column 2: 1e999 is too large for a number"),
        (".5", "line 1, column 1: expected a value but found '.'"),
        ("+1", "line 1, column 1: expected a value but found '+'"),
        ("\"a\nb\"", "line 1, column 3: control characters in strings must be escaped"),
        (#""\x""#, #"line 1, column 3: a backslash must be followed by one of " \ / b f n r t u"#),
        (#""\u12g4""#, #"line 1, column 6: '\u' needs four hexadecimal digits"#),
        (#""\ud83e""#, "line 1, column 8: half a surrogate pair stands for no character"),
        (#""\ud83ex""#, "line 1, column 8: half a surrogate pair stands for no character"),
        (#""\ud83e\n""#, "line 1, column 9: half a surrogate pair stands for no character"),
        (#""\ud83e\ud83e\udda6""#, "line 1, column 13: half a surrogate pair stands for no character"),
        (#""\udda6""#, "line 1, column 7: half a surrogate pair stands for no character"),
        (#"{"n":1,"n":2}"#, "line 1, column 8: the object already has a member 'n'"),
        (#"{"\u006e":1,"n":2}"#, "line 1, column 13: the object already has a member 'n'"),
    ])
    func `says where a text goes wrong and how, however it is cut`(text: String, message: String) {
        let bytes = Array(text.utf8)
        for pieceSize in [1, 2, 3, .max] {
            #expect(message == error { try parse(bytes, pieceSize: pieceSize) }?.description)
        }
    }

    @Test(arguments: [
        "[", "[1", "[1,", "{", #"{"a"#, #"{"a""#, #"{"a":"#, #"{"a":1"#, "tru", "\"a", #""\u00"#, "\u{FEFF}",
    ])
    func `tells a text that ends early from one that is wrong`(text: String) {
        #expect(error { try JSONValue(parsing: Array(text.utf8)) }?.kind == .truncated)
    }

    @Test(
        arguments: [
            [0x80],
            [0xC0, 0x80], [0xC3], [0xC3, 0x28], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF0, 0x80, 0x80, 0x80],
            [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFF], [0xE2, 0x82],
        ] as [[UInt8]])
    func `refuses what is not UTF-8`(bytes: [UInt8]) {
        let text = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        #expect(error { try JSONValue(parsing: text) }?.reason == "invalid UTF-8")
        #expect(error { try parse(text, pieceSize: 1) }?.reason == "invalid UTF-8")
    }

    @Test(
        arguments: [
            (#"{"n":1,"m":3,"n":2}"#, ["m": 3, "n": 2]),
            (#""\ud83e""#, "\u{FFFD}"),
            (#""\udda6\ud83ex""#, "\u{FFFD}\u{FFFD}x"),
            (#""\ud83e\ud83e\udda6""#, "\u{FFFD}🦦"),
            (#""\ud83e\u0041""#, "\u{FFFD}A"),
            (#""\ud83e\t""#, "\u{FFFD}\t"),
            (#"[NaN, 1]"#, [nil, 1]),
            ("[1]\n[2]", [1]), ("[1]}garbage", [1]), ("{} \0\0", [:]), ("1 2", 1),
        ] as [(String, JSONValue)])
    func `a forgiving parser repairs a provider's answer`(text: String, value: JSONValue) throws {
        for pieceSize in [1, 2, .max] {
            #expect(try parse(Array(text.utf8), pieceSize: pieceSize, strictness: .forgiving) == value)
        }
    }

    @Test func `a forgiving parser replaces invalid UTF-8`() throws {
        let value = try JSONValue(parsing: [0x22, 0x61, 0xC3, 0x62, 0x22], strictness: .forgiving)
        #expect(value == "a\u{FFFD}b")
    }

    @Test(arguments: [
        (JSONLimits(depth: 2), "[[[]]]", "arrays and objects are nested more than 2 deep"),
        (JSONLimits(elements: 2), "[1,2,3]", "an array has more than 2 elements"),
        (JSONLimits(members: 2), #"{"a":1,"b":2,"c":3}"#, "an object has more than 2 members"),
        (JSONLimits(nameBytes: 3), #"{"abcd":1}"#, "a member's name is longer than 3 bytes"),
        (JSONLimits(numberLength: 3), "[1234]", "a number is longer than 3 characters"),
        (JSONLimits(memoryBytes: 8), "[12345678]", "the text needs more than 8 bytes of memory"),
    ])
    func `stops at every limit`(limits: JSONLimits, text: String, reason: String) {
        for pieceSize in [1, .max] {
            let error = error { try parse(Array(text.utf8), pieceSize: pieceSize, limits: limits) }
            #expect(error?.kind == .overLimit)
            #expect(error?.reason == reason)
        }
    }

    @Test func `finds the first of two mistakes, however the text is cut`() {
        let text = Array("{\"abcd".utf8) + [0xFF]
        for pieceSize in [1, 2, 3, .max] {
            let error = error { try parse(text, pieceSize: pieceSize, limits: JSONLimits(nameBytes: 3)) }
            #expect(error?.reason == "a member's name is longer than 3 bytes")
        }
    }

    @Test func `measures invalid UTF-8 after its repair`() {
        let invalid = [UInt8](repeating: 0xC0, count: 100)  // each becomes the three bytes of U+FFFD
        let name = Array("{\"".utf8) + invalid + Array("\":1}".utf8)
        let value = Array("[\"".utf8) + invalid + Array("\"]".utf8)
        for (text, limits) in [(name, JSONLimits(nameBytes: 200)), (value, JSONLimits(memoryBytes: 300))] {
            let error = error { try JSONValue(parsing: text, limits: limits, strictness: .forgiving) }
            #expect(error?.kind == .overLimit)
        }
    }

    @Test func `reckons with the memory of small values`() {
        let text = "[" + String(repeating: "[],", count: 60_000) + "[]]"
        #expect(error { try JSONValue(parsing: Array(text.utf8)) }?.kind == .overLimit)
    }

    @Test(arguments: [15, 16, 17, 18, 200])
    func `finds a repeated name among many`(count: Int) {
        let members = (0..<count).map { "\"m\($0)\":0" } + ["\"m0\":0"]
        let text = "{" + members.joined(separator: ",") + "}"
        #expect(error { try JSONValue(parsing: Array(text.utf8)) }?.reason == "the object already has a member 'm0'")
    }

    @Test func `throws the same error again when it is fed on`() {
        var parser = JSONParser(sink: InMemoryStrings())
        let first = error { try parser.feed(Array("[}".utf8).span) }
        #expect(first != nil)
        #expect(error { try parser.feed(Array("]".utf8).span) } == first)
        #expect(error { try parser.finish() } == first)
    }
}

/// The error of an expression that should throw one.
func error<Value>(_ body: () throws -> Value) -> JSONError? {
    do {
        _ = try body()
        return nil
    } catch {
        return error as? JSONError
    }
}

func parse(
    _ text: [UInt8], pieceSize: Int, limits: JSONLimits = JSONLimits(), strictness: JSONStrictness = .strict
) throws(JSONError) -> JSONValue {
    var parser = JSONParser(sink: InMemoryStrings(), limits: limits, strictness: strictness)
    for start in stride(from: 0, to: text.count, by: pieceSize) {
        try parser.feed(text.span.extracting(start..<(start + min(pieceSize, text.count - start))))
    }
    return try parser.finish()
}

func parse(_ text: [UInt8], cutAt cut: Int) throws(JSONError) -> JSONValue {
    var parser = JSONParser(sink: InMemoryStrings())
    try parser.feed(text.span.extracting(first: cut))
    try parser.feed(text.span.extracting(droppingFirst: cut))
    return try parser.finish()
}

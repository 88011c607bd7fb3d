import Testing
import YAML

@Suite struct `YAML node` {
    @Test(arguments: [("x", "x"), ("'null'", "null"), ("\"\"", ""), ("1", "1"), ("null", nil), ("~", nil), ("", nil)])
    func `is text unless it is null`(text: String, string: String?) throws {
        let node = try value(text)
        #expect(node.string == string)
        #expect(node.isNull == (string == nil))
    }

    @Test(
        arguments: [
            ("1", 1), ("-9223372036854775808", .min), ("'1'", nil), ("9223372036854775808", nil), ("1.0", nil),
            ("x", nil),
            ("0x10", nil), ("1_000", nil),
        ] as [(String, Int64?)])
    func `is an integer of 64 bits`(text: String, integer: Int64?) throws {
        #expect(try value(text).integer == integer)
    }

    @Test(
        arguments: [
            ("0.025", 0.025), ("3", 3), ("-1e-3", -0.001), ("'1'", nil), ("nan", nil), (".inf", nil), ("inf", nil),
            ("1e999", nil), ("0x1p3", nil), ("", nil),
        ] as [(String, Double?)])
    func `is a finite number`(text: String, double: Double?) throws {
        #expect(try value(text).double == double)
    }

    @Test(arguments: [("true", true), ("false", false), ("yes", nil), ("on", nil), ("True", nil), ("'true'", nil)])
    func `is true or false in one spelling`(text: String, bool: Bool?) throws {
        #expect(try value(text).bool == bool)
    }

    @Test func `finds the value of a key`() throws {
        let node = try Document.parse("{a: {b: c}}")
        #expect(node["a"]?["b"]?.string == "c")
        #expect(node["b"] == nil)
        #expect(node["a"]?["b"]?["c"] == nil)
    }

    private func value(_ text: String) throws -> Node {
        try #require(try Document.parse("a: \(text)")["a"])
    }
}

import HTTP
import Testing

@Suite struct `Fields of a message` {
    static let fields: Fields = ["Content-Type": "a", "X-Id": "1", "x-id": "2"]

    @Test(arguments: [("content-type", "a"), ("CONTENT-TYPE", "a"), ("X-ID", "1"), ("content_type", nil), ("", nil)])
    func `are found by their names in any case`(name: String, value: String?) {
        #expect(Self.fields[name] == value)
    }

    @Test func `are all replaced when one is set`() {
        var fields = Self.fields
        fields["X-ID"] = "3"
        #expect(fields.all.map(\.value) == ["a", "3"])
        fields["x-id"] = nil
        #expect(fields.all.map(\.value) == ["a"])
    }

    @Test(arguments: [
        ("", ""), (" \t ", ""), ("a", "a"), ("\t a b ", "a b"), ("é ", "é"), (" \u{301}a", "\u{301}a"),
        ("\u{A0}a", "\u{A0}a"),
    ])
    func `spaces and tabs around a value are no part of it`(text: String, trimmed: String) {
        #expect(text.trimmingOptionalWhitespace.elementsEqual(trimmed))
        #expect(text[...].trimmingOptionalWhitespace.elementsEqual(trimmed))
        let bytes = Array(text.utf8)
        #expect(bytes[bytes.span.trimmedRange].elementsEqual(trimmed.utf8))
    }

    @Test(arguments: [
        ("Bearer", "bearer", true), ("bearer", "BEARER", true), ("bearer", "bearez", false), ("@", "`", false),
    ])
    func `only letters of ASCII have a case`(first: String, second: String, areEqual: Bool) {
        #expect(first.equalsIgnoringASCIICase(second) == areEqual)
        #expect(first[...].equalsIgnoringASCIICase(second) == areEqual)
        #expect((first.loweredASCII == second.loweredASCII) == areEqual)
    }
}

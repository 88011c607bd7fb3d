import HTTP
import Testing

@Suite struct `Percent-encoding` {
    @Test(arguments: [
        ("", ""), ("qwen-image", "qwen-image"), ("org%2Fna%20me:x", "org/na me:x"), ("%C3%a9", "é"), ("a+b", "a+b"),
        ("é", "é"),
    ])
    func `decodes a path segment`(encoded: String, text: String) {
        #expect(Percent.decode(encoded) == text)
    }

    @Test(arguments: ["%", "%4", "%4g", "%%41", "a%00b", "\0", "%FF", "%C3", "%ED%A0%80"])
    func `refuses bad escapes, NUL and what is not UTF-8`(encoded: String) {
        #expect(Percent.decode(encoded) == nil)
    }

    @Test(arguments: [("", ""), ("aZ09-._~", "aZ09-._~"), ("org/na me:x+é%", "org%2Fna%20me%3Ax%2B%C3%A9%25")])
    func `encodes everything but the unreserved characters`(text: String, encoded: String) {
        #expect(Percent.encode(text) == encoded)
        #expect(Percent.decode(encoded) == text)
    }
}

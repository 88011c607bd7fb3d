import HTTP
import Testing

@Suite struct `Entity tag` {
    @Test(arguments: [
        ("\"abc\"", EntityTag("abc")), ("W/\"abc\"", EntityTag("abc", isWeak: true)), (" \"\" ", EntityTag("")),
    ])
    func `is read and written`(text: String, tag: EntityTag) {
        #expect(EntityTag(parsing: text) == tag)
        #expect(EntityTag(parsing: tag.description) == tag)
    }

    @Test(arguments: ["", "abc", "\"abc", "abc\"", "w/\"abc\"", "\"a b\"", "\"a\" \"b\"", "\"a\", \"b\""])
    func `is nothing when malformed`(text: String) {
        #expect(EntityTag(parsing: text) == nil)
    }

    @Test(arguments: [
        ("\"x\"", true), ("W/\"x\"", true), ("\"y\", \"x\"", true), ("\"y\",W/\"x\" , \"z\"", true), ("*", true),
        (" ,, \"x\"", true),
        ("\"y\"", false), ("", false), ("x", false), ("\"y\", x", false), ("\"x", false),
    ])
    func `is found in If-None-Match`(field: String, isFound: Bool) {
        #expect(EntityTag("x").matches(ifNoneMatch: field) == isFound)
        #expect(EntityTag("x", isWeak: true).matches(ifNoneMatch: field) == isFound)
    }

    @Test func `matches If-Range only when both are strong`() {
        #expect(EntityTag("x").matches(ifRange: "\"x\""))
        #expect(!EntityTag("x").matches(ifRange: "W/\"x\""))
        #expect(!EntityTag("x", isWeak: true).matches(ifRange: "W/\"x\""))
        #expect(!EntityTag("x").matches(ifRange: "\"y\""))
        #expect(!EntityTag("x").matches(ifRange: "Sun, 06 Nov 1994 08:49:37 GMT"))
    }
}

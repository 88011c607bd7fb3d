import HTTP
import Testing

@Suite struct `Media type` {
    @Test(arguments: [
        ("image/png", "image/png", [:]),
        ("Image/PNG", "image/png", [:]),
        (" text/plain ; charset=utf-8", "text/plain", ["charset": "utf-8"]),
        (#"text/plain; Charset="utf\-8";; x=y ;"#, "text/plain", ["charset": "utf-8", "x": "y"]),
        (#"multipart/form-data; boundary="a \"b\"""#, "multipart/form-data", ["boundary": #"a "b""#]),
        ("multipart/form-data; boundary=----=_Part_0/1:2", "multipart/form-data", ["boundary": "----=_Part_0/1:2"]),
        ("application/vnd.api+json", "application/vnd.api+json", [:]),
    ])
    func `is read from a field`(text: String, essence: String, parameters: [String: String]) throws {
        let type = try #require(MediaType(text))
        #expect(type.essence == essence)
        #expect(type.parameters.all.count == parameters.count)
        for (name, value) in parameters { #expect(type.parameters[name.uppercased()] == value) }
    }

    @Test(arguments: [
        "", "image", "image/", "/png", "image/png/x", "im age/png", "image/png x", "image/png; x", "image/png; =y",
        "image/png; x=", "image/png; x =y", "image/png; x=\"y", "image/png; x=\"y\"z", "image/png; x=y\"",
        "image/png; x=1; X=2", "image/png, image/gif", "bild/é",
    ])
    func `is nothing when malformed`(text: String) {
        #expect(MediaType(text) == nil)
    }

    @Test func `compares without regard to case, and without parameters if asked`() {
        #expect(MediaType("Text/Plain; CHARSET=utf-8") == MediaType("text/plain;charset=utf-8"))
        #expect(MediaType("text/plain; charset=utf-8") != MediaType("text/plain; charset=UTF-8"))
        #expect(MediaType("text/plain; charset=utf-8")?.matches(.plainText) == true)
        #expect(MediaType("text/html")?.matches(.plainText) == false)
    }

    @Test(arguments: ["image/png", "text/plain; charset=utf-8", #"a/b; x="1 \"\\"; y="""#])
    func `is written as it is read`(text: String) {
        #expect(MediaType(text)?.description == text)
    }
}

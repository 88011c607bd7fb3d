import HTTP
import Testing

@testable import HTTPClient

@Suite struct `Response head` {
    @Test func `a head is read line by line`() throws {
        let head = try Self.head(["HTTP/1.1 200 OK", "Content-Type: \t image/png \t", "X-Empty:", "x-a:b:c", ""])
        #expect(head.isComplete)
        #expect(head.status == .ok)
        #expect(head.fields.all.map(\.name) == ["Content-Type", "X-Empty", "x-a"])
        #expect(head.fields.all.map(\.value) == ["image/png", "", "b:c"])
    }

    @Test(arguments: [("HTTP/1.1 200", 200), ("HTTP/2 404 ", 404), ("HTTP/1.0  503  Not now", 503)])
    func `a status line needs no reason`(line: String, status: Int) throws {
        #expect(try Self.head([line]).status.rawValue == status)
    }

    @Test(arguments: ["HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 20", "HTTP/1.1 2000 OK", "HTTP/1.1 -20 OK", "HTTP/1.1 OK 200"])
    func `a status line without a status is none`(line: String) {
        let error = #expect(throws: ResponseHead.Malformed.self) { try Self.head([line]) }
        #expect(error?.reason == "its status line is \"\(line)\"")
    }

    @Test func `only the last of several heads counts, and nothing after it`() throws {
        let head = try Self.head([
            "HTTP/1.1 103 Early Hints", "Link: x", "", "HTTP/1.1 201 Created", "A: b", "", "Trailer: y",
        ])
        #expect(head.status.rawValue == 201)
        #expect(head.fields == ["A": "b"])
    }

    @Test func `what is not UTF-8 is Latin-1`() throws {
        var head = ResponseHead()
        try head.append(line: (Array("a: caf".utf8) + [0xE9, 0x0D, 0x0A]).span)
        #expect(head.fields["a"] == "café")
    }

    @Test func `a head without an end is refused`() {
        let line = "a: " + String(repeating: "b", count: 1 << 10)
        #expect(throws: ResponseHead.Malformed(reason: "its head is longer than 65536 bytes")) {
            try Self.head(Array(repeating: line, count: 64))
        }
    }

    private static func head(_ lines: [String]) throws -> ResponseHead {
        var head = ResponseHead()
        for line in lines { try head.append(line: Array("\(line)\r\n".utf8).span) }
        return head
    }
}

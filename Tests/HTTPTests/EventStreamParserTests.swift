import HTTP
import Testing

struct EventStreamParserTests {
    struct Event: Hashable, CustomTestStringConvertible {
        var name = ""
        var data: String

        var testDescription: String { "\(name): \(data)" }
    }

    static let streams: [(stream: String, events: [Event])] = [
        ("", []),
        ("data: a\n\n", [Event(data: "a")]),
        ("data:a\n\n", [Event(data: "a")]),
        ("data:  a \n\n", [Event(data: " a ")]),
        ("event: made\ndata: {}\n\n", [Event(name: "made", data: "{}")]),
        ("data: {}\nevent: made\n\n", [Event(name: "made", data: "{}")]),
        ("event: one\nevent: two\ndata: a\n\n", [Event(name: "two", data: "a")]),
        ("data: a\ndata: b\ndata\ndata:\n\n", [Event(data: "a\nb\n\n")]),
        ("data\n\n", [Event(data: "")]),
        ("data: a: b\n\n", [Event(data: "a: b")]),
        (": ping\n\n: ping\ndata: a\n: ping\n\n", [Event(data: "a")]),
        ("event: ping\n\ndata: a\n\n", [Event(data: "a")]),
        ("id: 1\nretry: 1000\n\nid: 2\ndata: a\nnonsense: b\nno colon\n\n", [Event(data: "a")]),
        ("\u{FEFF}data: a\n\n\u{FEFF}data: b\n\n", [Event(data: "a")]),
        ("\u{FEFF}\ndata: a\n\n", [Event(data: "a")]),
        ("databank: a\n\nDATA: b\n\n data: c\n\n", []),
        ("\n\n\ndata: a\n\n\n\ndata: b\n\n", [Event(data: "a"), Event(data: "b")]),
        // The blank line is missing at the end, or even the line's own end.
        ("event: made\ndata: a\n", [Event(name: "made", data: "a")]),
        ("data: a\n\ndata: b", [Event(data: "a"), Event(data: "b")]),
        ("data: 猫\n\n", [Event(data: "猫")]),
    ]

    @Test(arguments: streams, ["\n", "\r\n", "\r"])
    func `a stream is the same events however it is cut`(
        stream: (stream: String, events: [Event]), lineEnd: String
    ) {
        let bytes = Array(
            stream.stream.split(separator: "\n", omittingEmptySubsequences: false)
                .joined(separator: lineEnd).utf8)
        for size in 1...max(bytes.count, 1) {
            #expect(Self.events(of: bytes, cutEvery: size) == stream.events, "cut every \(size) bytes")
        }
    }

    @Test func `line ends of all kinds may be mixed`() {
        let bytes = Array("data: a\r\rdata: b\r\n\ndata: c\n\r\ndata: d\r\n\r\n".utf8)
        #expect(Self.events(of: bytes, cutEvery: 1).map(\.data) == ["a", "b", "c", "d"])
    }

    @Test func `data comes while its line is under way`() {
        var parser = EventStreamParser()
        #expect(parser.feed(Array("data: {\"b64".utf8).span) == [.data(Array("{\"b64".utf8))])
        #expect(parser.feed(Array("_json\"".utf8).span) == [.data(Array("_json\"".utf8))])
    }

    @Test func `names without end take no memory`() {
        let endless = Array(repeating: UInt8(ascii: "a"), count: 100_000)
        let events = Self.events(of: Array("event: ".utf8) + endless + Array("\ndata: b\n\n".utf8), cutEvery: 4096)
        #expect(events.first?.name.utf8.count == EventStreamParser.eventNameBytes)
        #expect(Self.events(of: endless + Array(": b\n\ndata: c\n\n".utf8), cutEvery: 4096) == [Event(data: "c")])
    }

    private static func events(of bytes: [UInt8], cutEvery size: Int) -> [Event] {
        var parser = EventStreamParser()
        var parts: [EventStreamPart] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            parts += parser.feed(Array(bytes[start..<min(start + size, bytes.count)]).span)
        }
        parts += parser.finish()
        var events: [Event] = []
        var data: [UInt8] = []
        for part in parts {
            switch part {
            case .data(let bytes): data += bytes
            case .end(let name):
                events.append(Event(name: name, data: String(decoding: data, as: UTF8.self)))
                data = []
            }
        }
        return events
    }
}

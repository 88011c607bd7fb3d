import JSON
import Testing

@Suite struct `Long strings` {
    private static let base64 = String(repeating: "iVBORw0KGgo+/", count: 500)
    private let small = JSONLimits(inlineStringBytes: 100)

    @Test(arguments: [1, 7, 100, 4096, .max])
    func `go to the sink, unescaped and without their quotes`(pieceSize: Int) throws {
        let escaped = Self.base64.replacing("/", with: #"\/"#)
        let text = #"{"images":["\#(escaped)","\#(Self.base64)"],"prompt":"otter"}"#
        let (value, sink) = try parse(text, pieceSize: pieceSize, sink: RecordingSink(prefix: "iVBOR"))
        #expect(value == ["images": [.external(0), .external(1)], "prompt": "otter"])
        #expect(sink.strings == [Self.base64, Self.base64])
    }

    @Test(arguments: [1, 7, .max])
    func `stay in memory when the sink does not want them`(pieceSize: Int) throws {
        let (value, sink) = try parse(
            "[\"\(Self.base64)\"]", pieceSize: pieceSize, sink: RecordingSink(prefix: "data:"))
        #expect(value == [.string(Self.base64)])
        #expect(sink.strings.isEmpty)
    }

    @Test(arguments: [1, 3, .max])
    func `are offered with the same prefix however they are cut`(pieceSize: Int) throws {
        let text = #"["\#(String(repeating: "é", count: 400))\/"]"#
        let (_, sink) = try parse(text, pieceSize: pieceSize, sink: RecordingSink(prefix: ""))
        #expect(sink.prefixSizes == [101])
    }

    @Test func `are not offered below the limit`() throws {
        let (value, sink) = try parse(
            "[\"\(String(repeating: "x", count: 100))\"]", pieceSize: .max, sink: RecordingSink(prefix: ""))
        #expect(value[0]?.string?.count == 100)
        #expect(sink.prefixSizes.isEmpty)
    }

    @Test func `do not count against memory in the sink`() throws {
        var parser = JSONParser(sink: RecordingSink(prefix: ""), limits: JSONLimits(memoryBytes: 20_000))
        try parser.feed([UInt8(ascii: "\"")].span)
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
        for _ in 0..<10 { try parser.feed(piece.span) }
        try parser.feed([UInt8(ascii: "\"")].span)
        #expect(try parser.finish() == .external(0))
        #expect(parser.sink.strings.first?.utf8.count == 100_000)
    }

    @Test func `carry the sink's error with their place`() {
        let text = Array("[\n  \"\(Self.base64)\"]".utf8)
        var parser = JSONParser(sink: RecordingSink(prefix: "", failure: "the image is too large"), limits: small)
        let error = error { try parser.feed(text.span) }
        #expect(error?.kind == .refused)
        #expect(error?.description == "line 2, column 3: the image is too large")
    }

    private func parse(
        _ text: String, pieceSize: Int, sink: RecordingSink
    ) throws(JSONError) -> (JSONValue, RecordingSink) {
        let bytes = Array(text.utf8)
        var parser = JSONParser(sink: sink, limits: small)
        for start in stride(from: 0, to: bytes.count, by: pieceSize) {
            try parser.feed(bytes.span.extracting(start..<(start + min(pieceSize, bytes.count - start))))
        }
        return (try parser.finish(), parser.sink)
    }
}

/// Takes long strings that begin in a certain way, and keeps them.
private struct RecordingSink: LongStringSink {
    struct Failure: Error, CustomStringConvertible { var description: String }

    var prefix: String
    var failure: String?
    var prefixSizes: [Int] = []
    var strings: [String] = []
    private var current: [UInt8] = []

    init(prefix: String, failure: String? = nil) {
        self.prefix = prefix
        self.failure = failure
    }

    mutating func begin(prefix bytes: Span<UInt8>) -> Bool {
        prefixSizes.append(bytes.count)
        return bytes.indices.map { bytes[$0] }.starts(with: prefix.utf8)
    }

    mutating func append(_ piece: Span<UInt8>) throws {
        if let failure { throw Failure(description: failure) }
        current += piece.indices.map { piece[$0] }
    }

    mutating func end() -> Int {
        strings.append(String(decoding: current, as: UTF8.self))
        current = []
        return strings.count - 1
    }
}

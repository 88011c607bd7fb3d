import JSON

extension Target {
    /// However a text is cut, and wherever its long strings go, it comes to the same; what is written reads back.
    static func json(_ input: [UInt8]) {
        let limits = JSONLimits(depth: 8, memoryBytes: 4 << 10, members: 32, elements: 64, numberLength: 32)
        for strictness in [JSONStrictness.strict, .forgiving] {
            let whole = outcome { () throws(JSONError) in
                try JSONValue(parsing: input, limits: limits, strictness: strictness)
            }
            let inPieces = outcome { () throws(JSONError) in
                var parser = JSONParser(sink: InMemoryStrings(), limits: limits, strictness: strictness)
                for piece in pieces(of: input) { try parser.feed(piece.span) }
                return try parser.finish()
            }
            require(whole == inPieces, "\(whole) != \(inPieces)")
            guard case .success(let value) = whole else { continue }

            var roomy = limits
            roomy.memoryBytes *= 4
            for isPretty in [false, true] {
                let text = value.encoded(isPretty: isPretty)
                require(outcome { () throws(JSONError) in try JSONValue(parsing: text) } == .success(value))
            }
            roomy.inlineStringBytes = 8
            var parser = JSONParser(sink: EverySecond(), limits: roomy, strictness: strictness)
            let outside = outcome { () throws(JSONError) in
                for piece in pieces(of: input) { try parser.feed(piece.span) }
                return try parser.finish()
            }
            let strings = parser.sink.strings
            require(outside.map { $0.replacingExternals { .string(strings[$0]) } } == .success(value))
        }
    }
}

/// Takes every second long string.
private struct EverySecond: LongStringSink {
    private(set) var strings: [String] = []
    private var current: [UInt8] = []
    private var offers = 0

    mutating func begin(prefix: Span<UInt8>) -> Bool {
        offers += 1
        return offers % 2 == 0
    }

    mutating func append(_ piece: Span<UInt8>) {
        for index in piece.indices { current.append(piece[index]) }
    }

    mutating func end() -> Int {
        strings.append(String(decoding: current, as: UTF8.self))
        current = []
        return strings.count - 1
    }
}

/// Reads the inside of a JSON string, cut anywhere: finds runs of plain bytes, resolves escapes, checks UTF-8.
///
/// It knows nothing of sinks, so it is not generic, and its loops are compiled once.
struct JSONStringReader {
    enum Piece {
        /// Bytes of the text that stand for themselves.
        case run(Range<Int>)
        /// What an escape stands for.
        case scalar(Unicode.Scalar)
        /// The closing quotation mark.
        case end
        /// Nothing can be said before more bytes come.
        case starved
    }

    private enum Escape {
        case none
        case backslash
        case hexadecimal(digits: Int, value: UInt32)
    }

    /// Bytes after the first of each character, which columns must not count, since this was last set to zero.
    var continuationBytes = 0

    private let strictness: JSONStrictness
    private var escape = Escape.none
    /// The first half of a surrogate pair, waiting for the second.
    private var highSurrogate: UInt32?
    private var sequence = UTF8Sequence()

    init(strictness: JSONStrictness) { self.strictness = strictness }

    /// Reads on at `index`, and leaves it after what the piece covers, or at the byte that is wrong.
    mutating func next(in bytes: Span<UInt8>, at index: inout Int) throws(Malformed) -> Piece {
        while index < bytes.count {
            let byte = bytes[index]
            if highSurrogate != nil, !continuesSurrogatePair(byte) {
                highSurrogate = nil
                return .scalar(try unpairedSurrogate())  // the byte is read again
            }
            switch escape {
            case .none:
                let start = index
                skipPlain(in: bytes, at: &index)
                if index > start { return .run(start..<index) }
                guard byte < 0x80, !sequence.isOpen else { throw Malformed("invalid UTF-8") }
                guard byte >= 0x20 else { throw Malformed("control characters in strings must be escaped") }
                index += 1
                if byte == UInt8(ascii: "\"") { return .end }
                escape = .backslash
            case .backslash:
                let scalar = try Self.scalar(escapedAs: byte)
                escape = scalar == nil ? .hexadecimal(digits: 0, value: 0) : .none
                index += 1
                if let scalar { return .scalar(scalar) }
            case .hexadecimal(let digits, let value):
                guard let digit = Self.hexadecimalValue(of: byte) else {
                    throw Malformed(#"'\u' needs four hexadecimal digits"#)
                }
                let unit = value << 4 | digit
                escape = digits == 3 ? .none : .hexadecimal(digits: digits + 1, value: unit)
                if digits == 3, let scalar = try scalar(ofCodeUnit: unit) {
                    index += 1
                    return .scalar(scalar)
                }
                index += 1
            }
        }
        return .starved
    }

    /// Moves over bytes that stand for themselves, up to a quotation mark, a backslash, a control character or invalid UTF-8.
    private mutating func skipPlain(in bytes: Span<UInt8>, at index: inout Int) {
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x80, !sequence.isOpen {
                let end = Self.endOfPlainASCII(in: bytes, from: index)
                if end == index { return }
                index = end
            } else {
                if strictness == .strict, !sequence.accept(byte) { return }
                if byte & 0xC0 == 0x80 { continuationBytes += 1 }
                index += 1
            }
        }
    }

    /// The end of the run of ASCII that needs no attention.
    ///
    /// Almost every byte of a request passes here. The inner loop has no branch, so that it compiles to vector instructions:
    /// the high bit of `special` tells whether one of the bytes is not ASCII, a control character, `"` or `\`.
    private static func endOfPlainASCII(in bytes: Span<UInt8>, from start: Int) -> Int {
        let stride = 32
        var index = start
        while bytes.count - index >= stride {
            let block = bytes.extracting(index..<(index + stride))
            var special: UInt8 = 0
            for offset in block.indices { special |= Self.special(block[offset]) }
            guard special < 0x80 else { break }
            index += stride
        }
        while index < bytes.count, Self.special(bytes[index]) < 0x80 { index += 1 }
        return index
    }

    private static func special(_ byte: UInt8) -> UInt8 {
        byte | (byte &- 0x20) | ((byte ^ UInt8(ascii: "\"")) &- 1) | ((byte ^ UInt8(ascii: "\\")) &- 1)
    }

    /// What the byte after a backslash stands for; `nil` when digits follow.
    private static func scalar(escapedAs byte: UInt8) throws(Malformed) -> Unicode.Scalar? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): Unicode.Scalar(byte)
        case UInt8(ascii: "b"): "\u{8}"
        case UInt8(ascii: "f"): "\u{C}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        case UInt8(ascii: "u"): nil
        default: throw Malformed(#"a backslash must be followed by one of " \ / b f n r t u"#)
        }
    }

    private static func hexadecimalValue(of byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    // MARK: Surrogates (RFC 8259, section 7)

    /// Whether a byte may stand between the two halves of a pair, or complete the second.
    private func continuesSurrogatePair(_ byte: UInt8) -> Bool {
        switch escape {
        case .none: byte == UInt8(ascii: "\\")
        case .backslash: byte == UInt8(ascii: "u")
        case .hexadecimal(digits: 3, let value): (0xDC0...0xDFF).contains(value)
        case .hexadecimal: true
        }
    }

    /// The character of a `\u` escape; `nil` for the first half of a pair.
    private mutating func scalar(ofCodeUnit unit: UInt32) throws(Malformed) -> Unicode.Scalar? {
        if let high = highSurrogate {
            highSurrogate = nil
            return Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (unit - 0xDC00))
        }
        if (0xD800...0xDBFF).contains(unit) {
            highSurrogate = unit
            return nil
        }
        return if let scalar = Unicode.Scalar(unit) { scalar } else { try unpairedSurrogate() }
    }

    private func unpairedSurrogate() throws(Malformed) -> Unicode.Scalar {
        guard strictness == .forgiving else { throw Malformed("half a surrogate pair stands for no character") }
        return "\u{FFFD}"
    }
}

/// Why a token is no JSON; the parser knows where it stands.
struct Malformed: Error {
    var reason: String

    init(_ reason: String) { self.reason = reason }
}

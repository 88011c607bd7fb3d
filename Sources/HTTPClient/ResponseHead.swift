import HTTP

/// The head of a response, line by line.
///
/// Interim responses (RFC 9110, section 15.2) are forgotten when the next one begins, and trailer fields, which libcurl
/// reports in the same way, are ignored.
struct ResponseHead {
    /// How long a head may be, in bytes, interim responses included.
    static let maxBytes = 64 << 10

    private(set) var status = Status(rawValue: 0)
    private(set) var fields: Fields = [:]
    private(set) var isComplete = false
    private var byteCount = 0

    struct Malformed: Error, Equatable {
        let reason: String
    }

    mutating func append(line: String) throws(Malformed) {
        guard !isComplete else { return }
        byteCount += line.utf8.count
        guard byteCount <= Self.maxBytes else {
            throw Malformed(reason: "its head is longer than \(Self.maxBytes) bytes")
        }
        let line = line.withoutLineEnd
        if line.isEmpty {
            try finish()
        } else if line.hasPrefix("HTTP/") {
            try begin(line)
        } else if let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) {
            let value = line[line.utf8.index(after: colon)...].trimmingOptionalWhitespace
            fields.append(String(line[..<colon]), String(value))
        }
    }

    private mutating func begin(_ statusLine: Substring) throws(Malformed) {
        let parts = statusLine.split(separator: " ", maxSplits: 2)
        guard parts.count >= 2, let code = Int(parts[1]), (100...999).contains(code) else {
            throw Malformed(reason: "its status line is \(statusLine.prefix(100).debugDescription)")
        }
        status = Status(rawValue: code)
        fields = [:]
    }

    private mutating func finish() throws(Malformed) {
        guard status.rawValue != 101 else { throw Malformed(reason: "it switches protocols, which nobody asked for") }
        isComplete = status.rawValue >= 200
    }
}

extension String {
    /// The line without its CR and LF, which are one `Character` together.
    fileprivate var withoutLineEnd: Substring {
        var line = self[...]
        while let last = line.utf8.last, last == 0x0A || last == 0x0D {
            line = line[..<line.utf8.index(before: line.utf8.endIndex)]
        }
        return line
    }
}

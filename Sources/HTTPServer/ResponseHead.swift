import HTTP
import LibEvent

/// How the end of an answer's body is told to the client (RFC 9112, section 6.3).
enum ResponseFraming: Hashable {
    /// The status has no body, nor fields about one.
    case none
    case length(Int)
    case chunked
    case untilClose
}

/// Writes the head of an answer.
@EventLoop
struct ResponseHead {
    let status: Status
    let fields: Fields
    let framing: ResponseFraming
    /// The connection's fate, where the client could not know it: the value of the Connection field.
    let connection: String?

    /// The head's bytes, with room for `count` more.
    func bytes(reserving count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 + count)
        bytes += "HTTP/1.1 \(status.rawValue) ".utf8
        bytes += status.reasonPhrase.utf8
        bytes += "\r\n".utf8
        var hasDate = false
        for field in fields.all where !isOurs(field.name) {
            hasDate = hasDate || field.name.equalsIgnoringASCIICase("date")
            append(field, to: &bytes)
        }
        if !hasDate { bytes += DateField.now }
        switch framing {
        case .none, .untilClose: break
        case .length(let length): bytes += "Content-Length: \(length)\r\n".utf8
        case .chunked: bytes += "Transfer-Encoding: chunked\r\n".utf8
        }
        if let connection { bytes += "Connection: \(connection)\r\n".utf8 }
        bytes += "\r\n".utf8
        return bytes
    }

    /// Whether the connection alone knows what the field has to say.
    private func isOurs(_ name: String) -> Bool {
        switch name.utf8.count {
        case 10: name.equalsIgnoringASCIICase("connection") || name.equalsIgnoringASCIICase("keep-alive")
        case 14: name.equalsIgnoringASCIICase("content-length")
        case 17: name.equalsIgnoringASCIICase("transfer-encoding")
        default: false
        }
    }

    /// Adds one field as exactly one line, whatever its value holds: a value may come from a client or a provider.
    private func append(_ field: Fields.Field, to bytes: inout [UInt8]) {
        let (name, value) = (field.name.utf8Span.span, field.value.utf8Span.span)
        guard !name.isEmpty, name.allSatisfy({ $0.isInToken }) else { return }
        bytes.append(addingCapacity: name.count + value.count + 4) { line in
            for index in name.indices { line.append(name[index]) }
            line.append(UInt8(ascii: ":"))
            line.append(.space)
            for index in value.indices { line.append(value[index].isFieldCharacter ? value[index] : .space) }
            line.append(.carriageReturn)
            line.append(.lineFeed)
        }
    }
}

/// The Date field, made once a second (RFC 9110, section 6.6.1).
@EventLoop
private enum DateField {
    private static var second: Int64 = 0
    private static var bytes: [UInt8] = []

    static var now: [UInt8] {
        let now = microsecondsSince1970() / 1_000_000
        if now != second || bytes.isEmpty {
            second = now
            bytes = Array("Date: \(HTTPDate(secondsSince1970: now))\r\n".utf8)
        }
        return bytes
    }
}

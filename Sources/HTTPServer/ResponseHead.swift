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
        guard !field.name.isEmpty, field.name.utf8.allSatisfy(\.isTokenCharacter) else { return }
        bytes += field.name.utf8
        bytes += ": ".utf8
        for byte in field.value.utf8 { bytes.append(byte.isFieldCharacter ? byte : .space) }
        bytes += "\r\n".utf8
    }
}

/// The Date field, made once a second (RFC 9110, section 6.6.1).
@EventLoop
private enum DateField {
    private static var second = 0
    private static var bytes: [UInt8] = []

    static var now: [UInt8] {
        let now = EventLoop.secondsSince1970
        if now != second || bytes.isEmpty {
            second = now
            bytes = Array("Date: \(text(now))\r\n".utf8)
        }
        return bytes
    }

    /// The time as an IMF-fixdate (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    private static func text(_ seconds: Int) -> String {
        let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"]
        let days = max(seconds, 0) / 86_400
        // Years that start in March put the leap day last; 719,468 days lie between 0000-03-01 and 1970-01-01.
        let (era, dayOfEra) = (days + 719_468).quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let year = yearOfEra + era * 400 + (month >= 10 ? 1 : 0)
        let time = max(seconds, 0) % 86_400
        let clock = [time / 3600, time / 60 % 60, time % 60].map(twoDigits).joined(separator: ":")
        return "\(weekdays[days % 7]), \(twoDigits(day)) \(months[month]) \(year) \(clock) GMT"
    }

    private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

import Crypto

/// Makes the ids of requests, which are the ids of their jobs: `req_` and 32 hexadecimal digits.
enum RequestID {
    /// The first twelve digits are the time in milliseconds, so that newer ids sort last; the rest is random.
    static func make(at now: Timestamp) -> String {
        let random = Random.bytes(10).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        return lowest(at: now) + random.joined()
    }

    /// The first id that a moment can have, to find jobs since then.
    static func lowest(at moment: Timestamp) -> String { "req_" + moment.sortableText }
}

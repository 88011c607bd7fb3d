import Crypto
import LibEvent

/// Makes the ids of requests, which are the ids of their jobs: `req_` and 32 hexadecimal digits.
enum RequestID {
    /// The first twelve digits are the time in milliseconds, so that newer ids sort last; the rest is random.
    static func make(at now: Timestamp) -> String {
        lowest(at: now) + supply.withLock { $0.bytes(10) }.hexadecimal
    }

    private static let supply = Lock(RandomSupply())

    /// The first id that a moment can have, to find jobs since then.
    static func lowest(at moment: Timestamp) -> String { "req_" + moment.sortableText }
}

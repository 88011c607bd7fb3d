/// Random bytes made some hundreds at a time, of which each is given out once.
///
/// OpenSSL takes as long for ten bytes as for hundreds. It is for what every request needs; a secret that lasts has its
/// bytes made for it.
package struct RandomSupply: Sendable {
    /// How many bytes are made at once.
    static let batch = 512

    private var rest: [UInt8] = []

    package init() {}

    /// Random bytes, as ``Random/bytes(_:)`` makes them.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        if rest.count < count { rest = Random.bytes(max(count, Self.batch)) }
        defer { rest.removeLast(count) }
        return Array(rest.suffix(count))
    }

    /// A random text of letters and digits, as ``Random/token(bytes:)`` makes it.
    package mutating func token(bytes count: Int) -> String { Random.token(bytes: count) { bytes($0) } }
}

import HTTP
import LibEvent

/// Knows whose request it is.
///
/// What the ledger says of a key is believed for half a second: a key made or revoked by a command beside the running
/// server counts within a second, and a busy client does not cost a read per request.
@EventLoop
final class Keys {
    private let ledger: Ledger
    private let clock: WallClock
    private let log: Log
    private var known: [Secret: (record: KeyRecord?, readAt: Timestamp)] = [:]

    static let belief = Duration.milliseconds(500)
    /// Keys that are remembered at most; then all are forgotten, so that guesses cannot fill the memory.
    static let memory = 10_000

    init(ledger: Ledger, clock: WallClock, log: Log) {
        self.ledger = ledger
        self.clock = clock
        self.log = log
    }

    /// The owner of the key that a request carries.
    ///
    /// - Throws: A 401 that says whether the key is missing, wrong or out of date.
    func caller(of request: Request) async throws(GatewayError) -> KeyRecord {
        guard let key = Credentials.key(in: request.fields) else { throw .missingKey() }
        guard let record = try await record(of: key), record.revokedAt == nil else {
            throw .wrongKey(Credentials.hint(of: key))
        }
        if let end = record.limits.expiresAt, end <= clock.now { throw .expiredKey(Credentials.hint(of: key), end) }
        return record
    }

    /// The owner of a key, as far as it is remembered from a moment ago.
    func remembered(_ key: Secret) -> KeyRecord? { known[key]?.record }

    private func record(of key: Secret) async throws(GatewayError) -> KeyRecord? {
        let now = clock.now
        // A clock that was set back would otherwise make an old answer last.
        if let entry = known[key], (.zero..<Self.belief).contains(now - entry.readAt) { return entry.record }
        let record: KeyRecord?
        do { record = try await ledger.key(key, at: now) } catch {
            log.error("cannot read the ledger", ["error": "\(error)"])
            throw .internalFailure("The gateway cannot read its database.")
        }
        if known.count >= Self.memory { known = [:] }
        known[key] = (record, now)
        return record
    }
}

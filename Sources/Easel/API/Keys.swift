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
    private var known: [Secret: Entry] = [:]

    /// What the ledger has said of a key; of one that it does not know, nothing.
    private struct Entry {
        var record: KeyRecord?
        var readAt: Timestamp
    }

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
        let entry = if let believed = believed(key) { believed } else { try await read(key) }
        guard let record = entry.record, record.revokedAt == nil else {
            throw .wrongKey(Credentials.hint(of: key))
        }
        if let end = record.limits.expiresAt, end <= clock.now { throw .expiredKey(Credentials.hint(of: key), end) }
        return record
    }

    /// The owner of a key, as far as it is remembered from a moment ago.
    func remembered(_ key: Secret) -> KeyRecord? { known[key]?.record }

    /// What was read of a key so short a time ago that it still holds.
    private func believed(_ key: Secret) -> Entry? {
        // A clock that was set back would otherwise make an old answer last.
        known[key].flatMap { (.zero..<Self.belief).contains(clock.now - $0.readAt) ? $0 : nil }
    }

    private func read(_ key: Secret) async throws(GatewayError) -> Entry {
        let now = clock.now
        let entry: Entry
        do { entry = Entry(record: try await ledger.key(key, at: now), readAt: now) } catch {
            log.error("cannot read the ledger", ["error": "\(error)"])
            throw .internalFailure("The gateway cannot read its database.")
        }
        if known.count >= Self.memory { known = [:] }
        known[key] = entry
        return entry
    }
}

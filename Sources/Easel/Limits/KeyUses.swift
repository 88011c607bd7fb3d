import HTTP
import HTTPServer
import LibEvent

/// What every key uses of its limits right now.
@EventLoop
final class KeyUses {
    let bytes = BytesInFlight()
    private let clock: WallClock
    /// By the keys' ids: as many as there are keys in the ledger, at most.
    private var uses: [String: KeyUse] = [:]

    init(clock: WallClock) { self.clock = clock }

    /// Counts a request for images; what is thrown says why it may not become a job of its own.
    func countRequest(of key: KeyRecord) throws(GatewayError) {
        try uses[key.id, default: KeyUse()].countRequest(key.limits, at: clock.now)
    }

    /// Refuses a request of a key that has as many jobs under way as it may have.
    func checkJobs(of key: KeyRecord) throws(GatewayError) { try uses[key.id]?.checkJobs(key.limits) }

    /// Counts a job that begins.
    func begin(images: Int, of key: KeyRecord) throws(GatewayError) {
        try uses[key.id, default: KeyUse()].begin(images: images, key.limits, at: clock.now)
    }

    /// Counts a job that an earlier run of the process has begun.
    func resume(keyID: String) { uses[keyID, default: KeyUse()].resume() }

    func end(keyID: String) { uses[keyID]?.end() }

    /// Tells a client how its key stands; nothing where nothing is bounded.
    func describe(_ key: KeyRecord, in response: inout Response) {
        for (name, value) in (uses[key.id] ?? KeyUse()).fields(key.limits, at: clock.now) {
            response.fields[name] = value
        }
    }
}

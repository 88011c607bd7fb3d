import LibEvent
import Synchronization

/// The bodies of all requests that are being read or worked on, in bytes: in memory or on disk, they take room.
final class BytesInFlight: Sendable {
    /// How many bytes there may be at once.
    struct Bounds: Sendable, Hashable {
        var all: Int
        var perKey: Int
    }

    /// What one request holds, for as long as this lives.
    final class Hold: Sendable {
        private let bytes: BytesInFlight
        private let keyID: String
        private let bounds: Bounds
        private let count = Atomic(0)

        fileprivate init(_ bytes: BytesInFlight, keyID: String, bounds: Bounds) {
            self.bytes = bytes
            self.keyID = keyID
            self.bounds = bounds
        }

        deinit { bytes.release(count.load(ordering: .relaxed), keyID) }

        /// Holds more.
        ///
        /// - Throws: A 429 where the key holds too much with it, a 503 where all of them do.
        func grow(by more: Int) throws(GatewayError) {
            try bytes.take(more, keyID, bounds)
            count.add(more, ordering: .relaxed)
        }
    }

    private struct State {
        var all = 0
        var byKey: [String: Int] = [:]
    }

    private let state = Lock(State())

    /// How long a client should wait for others to finish, which nobody can know.
    static let pause = Duration.seconds(1)

    /// Bytes of all requests.
    var count: Int { state.withLock { $0.all } }

    /// What a request of a key holds: nothing yet.
    func hold(for keyID: String, within bounds: Bounds) -> Hold { Hold(self, keyID: keyID, bounds: bounds) }

    private func take(_ more: Int, _ keyID: String, _ bounds: Bounds) throws(GatewayError) {
        let refusal = state.withLock { state -> GatewayError? in
            let held = state.byKey[keyID] ?? 0
            guard held <= bounds.perKey - more else {
                return .rateLimited(
                    "bytes of requests at once", .requests, bounds.perKey, used: held, asked: more, pause: Self.pause)
            }
            guard state.all <= bounds.all - more else { return .full("bytes of requests", setting: "limits.in_flight") }
            state.byKey[keyID] = held + more
            state.all += more
            return nil
        }
        if let refusal { throw refusal }
    }

    private func release(_ count: Int, _ keyID: String) {
        guard count > 0 else { return }
        state.withLock { state in
            state.all -= count
            let left = (state.byKey[keyID] ?? 0) - count
            state.byKey[keyID] = left > 0 ? left : nil
        }
    }
}

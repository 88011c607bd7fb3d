import Crypto

/// What a request is to the jobs of its client that are there already.
///
/// The reasons are in docs/decisions/0008-how-a-retry-is-recognised.md.
enum Repetition: Sendable, Hashable {
    /// A job of its own. Where it is the repetition of one that bought nothing, `insteadOf` is that one's id.
    case new(insteadOf: String? = nil)
    /// The same as the job of an id: its client waits with it, or is told again how it ended.
    case same(String)
    /// Something else under a name that the client has used already.
    case conflict
}

/// A job that a request may be a repetition of.
struct EarlierJob: Sendable, Hashable {
    enum State: Sendable, Hashable {
        case running
        /// It has bought something, or may have: how it ended is told again, never done again.
        case settled
        /// It bought nothing, so doing it again costs nothing twice.
        case boughtNothing
    }

    var id: String
    var fingerprint: Digest?
    var state: State
    var acceptedAt: Timestamp
    var endedAt: Timestamp?
    /// Whether a client has left without its whole answer, and nobody has come back for it yet.
    var isOwed = false
    /// Whether a retry has become a job of its own instead of it, having bought nothing.
    var isReplaced = false
    /// The retry count of the newest request for it.
    var retryCount = 0
}

extension Repetition {
    /// How long after its end a job's answer is still taken for lost when a retry comes without a name: a client that
    /// repeats a request by itself does so at once, or when the pause is over that it was told.
    static let retryWindow = Duration.seconds(15 * 60)

    /// Decides about a request with the client's own name for it; `earlier` is the newest job of that name, which counts
    /// until so long after its end.
    static func ofName(
        _ earlier: EarlierJob?, fingerprint: Digest?, within memory: Duration, at now: Timestamp
    ) -> Repetition {
        guard let earlier, earlier.hasNotEnded(for: memory, at: now) else { return .new() }
        guard earlier.fingerprint == fingerprint else { return .conflict }
        return earlier.state == .boughtNothing ? .new(insteadOf: earlier.id) : .same(earlier.id)
    }

    /// Decides about a request that its client has sent before, `retryCount` times, without a name; all of `earlier`
    /// asked for the same.
    ///
    /// A client may have sent equal requests on purpose, and then each retry is that of another job. So the first choice
    /// is a job whose client has left without its answer, then one that is under way, then the newest that has ended;
    /// among equals, one whose newest request was the try before this.
    static func ofRetry(_ retryCount: Int, earlier: [EarlierJob], at now: Timestamp) -> Repetition {
        let candidates = earlier.filter { !$0.isReplaced && $0.hasNotEnded(for: retryWindow, at: now) }
        guard let match = candidates.min(by: { $0.rank(for: retryCount) < $1.rank(for: retryCount) }) else {
            return .new()
        }
        return match.state == .boughtNothing ? .new(insteadOf: match.id) : .same(match.id)
    }
}

extension EarlierJob {
    /// Whether it ended no longer ago than that, or not at all, however long ago it began.
    fileprivate func hasNotEnded(for time: Duration, at now: Timestamp) -> Bool {
        state == .running || endedAt.map { now - $0 <= time } ?? true
    }

    fileprivate struct Rank: Comparable {
        var group: Int
        var isOtherTry: Bool
        /// Microseconds, in the direction of the preference.
        var order: Int64
        var boughtNothing: Bool
        var id: String

        static func < (left: Rank, right: Rank) -> Bool { left.key < right.key }

        private var key: (Int, Int, Int64, Int, String) {
            (group, isOtherTry ? 1 : 0, order, boughtNothing ? 1 : 0, id)
        }
    }

    /// Lower is the likelier.
    fileprivate func rank(for retryCount: Int) -> Rank {
        let oldestFirst = acceptedAt.microseconds
        let newestFirst = 0 &- (endedAt ?? acceptedAt).microseconds
        let (group, order) =
            switch (isOwed, state) {
            case (true, .running), (true, .settled): (0, oldestFirst)
            // After those that have something to give: a retry that could be theirs must not buy.
            case (true, .boughtNothing): (1, oldestFirst)
            case (false, .running): (2, oldestFirst)
            case (false, .settled), (false, .boughtNothing): (3, newestFirst)
            }
        return Rank(
            group: group, isOtherTry: self.retryCount != retryCount - 1, order: order,
            boughtNothing: state == .boughtNothing, id: id)
    }
}

extension JobStory {
    /// Whether it has provably bought nothing, whatever it ended as.
    var boughtNothing: Bool {
        switch job.state {
        case .failed, .cancelled: attempts.allSatisfy { $0.state == .refused }
        case .accepted, .submitted, .storing, .done, .unknown: false
        }
    }
}

import Crypto

/// Who asked for which job, and who left without the answer: what the ledger's rows do not say of retries.
///
/// It is kept in memory, for as many jobs as a retry may be expected of. After a restart the rows decide alone.
struct Audience {
    /// What a retry has in common with the request it repeats.
    struct Question: Sendable, Hashable {
        var keyID: String
        var fingerprint: Digest
    }

    private struct Listeners {
        var question: Question
        /// The retry count of the newest request for the job.
        var retryCount: Int
        /// Clients who left without their whole answer.
        var departures = 0
        /// Retries that came in the place of one.
        var returns = 0
        /// The job that a retry, or a first try, has become instead of this one.
        var replacement: String?
        /// Whether a retry has begun it of whose first try nothing is known: that may be on its way yet.
        var expectsFirstTry = false
        var changedAt: Timestamp
    }

    /// Jobs that are remembered at most; then the oldest are forgotten.
    static let memory = 10_000

    private var listeners: [String: Listeners] = [:]
    private var jobIDs: [Question: [String]] = [:]
    /// Oldest first, with some that are forgotten already.
    private var arrivals: [String] = []

    var count: Int { listeners.count }

    /// The jobs of a question, oldest first.
    func jobs(of question: Question) -> [String] { jobIDs[question] ?? [] }

    /// Whether somebody left without the answer, and nobody has come back for it.
    func isOwed(_ jobID: String) -> Bool { listeners[jobID].map { $0.departures > $0.returns } ?? false }

    func retryCount(of jobID: String) -> Int { listeners[jobID]?.retryCount ?? 0 }

    /// The job that has been begun instead of this one, which bought nothing; `nil` when there is none.
    func replacement(of jobID: String) -> String? { listeners[jobID]?.replacement }

    func changedAt(_ jobID: String) -> Timestamp? { listeners[jobID]?.changedAt }

    /// A client has asked for a job of its own; `expectsFirstTry` if it is a retry that repeats nothing known.
    mutating func ask(
        _ jobID: String, _ question: Question, retryCount: Int, expectsFirstTry: Bool = false, at now: Timestamp
    ) {
        let listeners = Listeners(
            question: question, retryCount: retryCount, expectsFirstTry: expectsFirstTry, changedAt: now)
        add(jobID, listeners)
    }

    /// The job that the retry of a request has begun while the request itself was still being read; told once.
    ///
    /// It may have ended by now, and another may have been begun instead of it.
    mutating func takeOvertaker(of arrivalID: String, _ question: Question) -> String? {
        let overtaker = jobs(of: question).first { $0 > arrivalID && listeners[$0]?.expectsFirstTry == true }
        if let overtaker { listeners[overtaker]?.expectsFirstTry = false }
        return overtaker
    }

    /// A retry has come back for the answer of a job.
    mutating func comeBack(to jobID: String, _ question: Question, retryCount: Int, at now: Timestamp) {
        guard var known = listeners[jobID] else {
            // Nothing is known of the client in whose place it comes, which must have left.
            let listeners = Listeners(
                question: question, retryCount: retryCount, departures: 1, returns: 1, changedAt: now)
            return add(jobID, listeners)
        }
        known.returns += 1
        known.retryCount = retryCount
        listeners[jobID] = known
    }

    /// Another job has been begun instead of one that bought nothing.
    mutating func replace(_ jobID: String, by other: String, _ question: Question, at now: Timestamp) {
        comeBack(to: jobID, question, retryCount: retryCount(of: jobID), at: now)
        listeners[jobID]?.replacement = other
    }

    /// A client's answer has been sent, in full or in part.
    mutating func hear(_ jobID: String, inFull: Bool, isSuccess: Bool, at now: Timestamp) {
        guard var known = listeners[jobID] else { return }
        if !inFull { known.departures += 1 }
        // Of what went well the row says enough.
        if isSuccess, known.departures == 0, known.returns == 0, known.retryCount == 0 { return forget(jobID) }
        known.changedAt = now
        listeners[jobID] = known
    }

    private mutating func add(_ jobID: String, _ new: Listeners) {
        listeners[jobID] = new
        jobIDs[new.question, default: []].append(jobID)
        arrivals.append(jobID)
        guard listeners.count > Self.memory || arrivals.count > 2 * Self.memory else { return }
        arrivals.removeAll { listeners[$0] == nil }
        // A tenth at once, so that this is rare.
        for jobID in arrivals.prefix(max(0, listeners.count - Self.memory * 9 / 10)) { forget(jobID) }
    }

    private mutating func forget(_ jobID: String) {
        guard let question = listeners.removeValue(forKey: jobID)?.question else { return }
        // Taken out, so that it is changed in place.
        guard var rest = jobIDs.removeValue(forKey: question) else { return }
        rest.removeAll { $0 == jobID }
        if !rest.isEmpty { jobIDs[question] = rest }
    }
}

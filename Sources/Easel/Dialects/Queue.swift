import HTTP

/// How a provider's queue is asked about a job.
struct Queue: Sendable, Hashable {
    /// Where the answer to the submission has the job's id.
    var task: [AnswerPath]
    var status: Route
    /// Where a status answer has the job's state.
    var state: [AnswerPath]
    // The provider's words for each state; an unknown word is waited out, never taken for success.
    var done: [String]
    var waiting: [String] = []
    var failed: [String] = []
    var cancelled: [String] = []
    var gone: [String] = []
    /// Signs that a job which is done has failed.
    var failedIf: [Condition] = []
    /// Where the images are; `nil` when the status answer has them.
    var result: Route?
    var cancel: Route?
    /// Statuses that mean the job was over before it could be cancelled.
    var cancelledTooLate: [Int] = []
    /// How often to ask when the provider does not say.
    var interval: Duration

    /// A request about a job: the address the provider issued, where it is on the provider's own host, else a path.
    struct Route: Sendable, Hashable {
        var method: Method
        /// Where the answer to the submission has the address.
        var issued: [AnswerPath] = []
        /// Below the base URL.
        var path: TextTemplate
        var headers: [RequestTemplate.TextField] = []
    }

    /// Longest id of a job that is believed, in characters.
    static let longestID = 512
}

extension Queue {
    /// The job that an answer to a submission names.
    func task(in answer: Answer) -> UpstreamTask? {
        guard let id = task.text(in: answer), id.count <= Self.longestID, id != ".", id != ".." else { return nil }
        return UpstreamTask(
            id: id, statusURL: status.issued.text(in: answer), resultURL: result?.issued.text(in: answer),
            cancelURL: cancel?.issued.text(in: answer))
    }

    /// What an answer's state says; `nil` without one.
    func verdict(of answer: Answer) -> Verdict? {
        guard let state = state.text(in: answer) else { return nil }
        let isOneOf: ([String]) -> Bool = { $0.contains { $0.equalsIgnoringASCIICase(state) } }
        if isOneOf(waiting) { return .waiting }
        if isOneOf(cancelled) { return .cancelled }
        if isOneOf(failed) { return .failed }
        if isOneOf(gone) { return .gone }
        guard isOneOf(done) else { return .waiting }
        return failedIf.contains { $0.holds(in: answer) } ? .failed : .done
    }

    enum Verdict: Sendable {
        case waiting, done, failed, cancelled, gone
    }
}

/// Which hosts a provider's key may be sent to, and addresses on them.
struct OwnHosts: Sendable, Hashable {
    /// `https` hosts beside the base URL's, possibly with `*`.
    var patterns: [Pattern] = []

    /// The absolute form of an address from an answer; `nil` when it is not the provider's own.
    ///
    /// An address from an answer is whatever someone made the provider say: the key follows it only home.
    func resolve(_ address: String, against baseURL: String) -> String? {
        guard address.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
            let base = Self.split(baseURL)
        else { return nil }
        if address.hasPrefix("//") { return nil }
        if address.hasPrefix("/") { return "\(base.scheme)://\(base.authority)\(address)" }
        guard let own = Self.split(address) else {
            return address.contains(":") ? nil : "\(baseURL)/\(address)"
        }
        if own.scheme == base.scheme, own.authority == base.authority { return address }
        guard own.scheme == "https", !own.authority.contains("@"), !own.authority.contains(":"),
            patterns.contains(where: { $0.matches(own.authority) })
        else { return nil }
        return address
    }

    private static func split(_ url: String) -> (scheme: String, authority: String)? {
        guard let separator = url.firstRange(of: "://") else { return nil }
        let scheme = url[..<separator.lowerBound].lowercased()
        let authority = url[separator.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
        return ["http", "https"].contains(scheme) && !authority.isEmpty ? (scheme, authority) : nil
    }
}

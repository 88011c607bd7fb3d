import HTTP

/// How long a client waits for its images before it is told where to ask for them.
struct Patience: Sendable, Hashable {
    /// `nil` is until they are there.
    var limit: Duration?
    /// Whether the client has asked for this, and not the owner.
    var isClients = false
    private var isAsynchronous = false
    private var seconds: Int?

    /// The longest wait that a client may ask for: most connections are cut before.
    static let longestSeconds = 600

    /// As long as it takes.
    static let endless = Patience([:], answerWithin: nil)

    /// Obeys the client's `Prefer: respond-async` and `Prefer: wait=SECONDS` (RFC 7240, sections 4.1 and 4.3), and the
    /// owner's `answer_within` where it has no such preference.
    init(_ fields: Fields, answerWithin: Duration?) {
        let preferences = Preferences(fields)
        isAsynchronous = preferences["respond-async"] != nil
        seconds = preferences["wait"].flatMap(Self.seconds)
        isClients = isAsynchronous || seconds != nil
        limit = seconds.map { .seconds($0) } ?? (isAsynchronous ? .zero : answerWithin)
    }

    /// Whether a job must be in the ledger at once, rather than with its first attempt, so that it can be told of in time.
    func needsReceipt(for order: ImageOrder) -> Bool {
        // Without input images there is nothing to do before the first attempt.
        limit != nil && (isClients || !order.images.isEmpty || order.mask != nil)
    }

    /// The preferences that an answer has followed, for `Preference-Applied` (RFC 7240, section 3).
    func applied(isAccepted: Bool) -> String? {
        var applied: [String] = []
        if isAsynchronous, isAccepted { applied.append("respond-async") }
        if let seconds { applied.append("wait=\(seconds)") }
        return applied.isEmpty ? nil : applied.joined(separator: ", ")
    }

    /// A whole number of seconds, or the longest wait where it is more.
    private static func seconds(_ text: String) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return min(Int(text) ?? longestSeconds, longestSeconds)
    }
}

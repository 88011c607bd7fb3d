import HTTP

/// What a provider's codes and statuses mean, in the provider's own words.
struct FailureTable: Sendable, Hashable {
    /// A sign in an answer: `Arrearage`, `Throttling.*`, `HTTP 402`, `HTTP 403 content_moderation`.
    struct Signal: Sendable, Hashable {
        var status: Int?
        /// A code, possibly with `*` for any text.
        var code: String?

        /// Reads a signal as a dialect writes it.
        init(_ text: String) throws(SyntaxError) {
            guard text.hasPrefix("HTTP ") else {
                code = text
                return
            }
            let words = text.split(separator: " ", maxSplits: 2)
            guard words.count >= 2, let status = Int(words[1]), (100...599).contains(status) else {
                throw SyntaxError("'\(text)' is no status; write it like HTTP 402, or HTTP 403 content_moderation")
            }
            self.status = status
            code = words.count == 3 ? String(words[2]) : nil
        }

        /// How exactly it fits: 0 not at all, more the more it says.
        func fit(status: Int, codes: [String]) -> Int {
            if let expected = self.status, expected != status { return 0 }
            let statusPoints = self.status == nil ? 0 : 1
            guard let code else { return statusPoints }
            if codes.contains(where: { $0.equalsIgnoringASCIICase(code) }) { return 4 + statusPoints }
            if code.contains("*"), codes.contains(where: { Pattern(code).matches($0) }) { return 2 + statusPoints }
            return 0
        }
    }

    struct Entry: Sendable, Hashable {
        var kind: FailureKind
        var signal: Signal
    }

    var entries: [Entry] = []
    /// What the provider's page says is not charged.
    var notCharged: [Signal] = []

    /// The kind whose signal fits best: the dialect's own before the ones known everywhere; `nil` when none fits.
    func kind(status: Int, codes: [String]) -> FailureKind? {
        Self.best(entries, status, codes) ?? Self.best(Self.common, status, codes)
    }

    /// Whether a code, in an answer to a question about a job, says why the job has failed.
    ///
    /// The words known everywhere for a provider that is busy, or that minds the key, speak of the question: the job is
    /// paid for and may be asked about again. The dialect's own words are listed because they are said of jobs.
    func isReasonOfJob(_ code: String) -> Bool {
        if let kind = Self.best(entries, 0, [code]) { return kind != .rateLimit }
        return switch Self.best(Self.common, 0, [code]) {
        case .contentPolicy, .inputUnreachable, .badRequest: true
        default: false
        }
    }

    func isNotCharged(status: Int, codes: [String]) -> Bool {
        notCharged.contains { $0.fit(status: status, codes: codes) > 0 }
    }

    private static func best(_ entries: [Entry], _ status: Int, _ codes: [String]) -> FailureKind? {
        var best: (fit: Int, kind: FailureKind)?
        for entry in entries {
            let fit = entry.signal.fit(status: status, codes: codes)
            if fit > (best?.fit ?? 0) { best = (fit, entry.kind) }
        }
        return best?.kind
    }

    /// The kind of a status alone.
    ///
    /// 404 and 405 speak of the address and the model, which the owner's configuration names: no client can mend them.
    static func kind(ofStatus status: Int) -> FailureKind {
        switch status {
        case 401, 403: .authentication
        case 402: .billing
        case 404, 405: .providerError
        case 408, 504: .timeout
        case 429: .rateLimit
        case 502, 503: .overload
        case 400..<500: .badRequest
        case 500..<600: .providerError
        default: .malformed
        }
    }

    /// Words that mean the same wherever they occur; numbers do not, so they are each dialect's own.
    private static let common: [Entry] = {
        let words: [(FailureKind, [String])] = [
            (
                .contentPolicy,
                [
                    "content_policy_violation", "moderation_blocked", "contentFilter", "content_filter",
                    "content_moderation", "CONTENT_BLOCKED", "CONTENT_FILTERED", "DataInspectionFailed",
                    "data_inspection_failed", "*SensitiveContentDetected*",
                ]
            ),
            (.inputUnreachable, ["InvalidParameter.DataInspection", "InvalidURL*", "invalid_image_url"]),
            (
                .billing,
                [
                    "insufficient_quota", "billing_hard_limit_reached", "billing_not_active",
                    "credit_balance_exhausted",
                    "*_spend_limit_exceeded", "organization_usage_limit_exceeded", "insufficient_user_quota",
                ]
            ),
            (.authentication, ["invalid_api_key", "UNAUTHORIZED", "UNAUTHENTICATED", "PERMISSION_DENIED"]),
            (.rateLimit, ["rate_limit_exceeded", "RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "Throttling*"]),
            (.overload, ["slow_down", "server_is_overloaded", "model_overloaded"]),
        ]
        return words.flatMap { kind, codes in
            codes.compactMap { code in (try? Signal(code)).map { Entry(kind: kind, signal: $0) } }
        }
    }()
}

/// A name in which `*` stands for any text, also none.
struct Pattern: Sendable, Hashable {
    var text: String

    init(_ text: String) { self.text = text }

    /// Compares without regard to ASCII case.
    func matches(_ name: String) -> Bool {
        let pieces = text.lowercased().split(separator: "*", omittingEmptySubsequences: false)
        let name = name.lowercased()
        guard let first = pieces.first, let last = pieces.last, pieces.count > 1 else {
            return text.lowercased() == name
        }
        guard name.hasPrefix(first), name.hasSuffix(last), name.count >= first.count + last.count else { return false }
        var rest = name.dropFirst(first.count).dropLast(last.count)
        for piece in pieces.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}

/// How much the holder of a key may use, and until when; `nil` is no bound.
struct KeyLimits: Sendable, Hashable {
    var budget = Budget()
    /// Requests for images, whatever comes of them.
    var requestsPerMinute: Int?
    /// Images asked for.
    var imagesPerMinute: Int?
    /// Jobs under way at once.
    var concurrency: Int?
    /// From when on the key is refused.
    var expiresAt: Timestamp?
    /// Whether routes may be taken whose price is unknown; `nil` follows the budget.
    var unknownPrices: Bool?

    /// The most that a number of requests, images or jobs can be bounded to: bounds beyond are none.
    static let numberLimit = 1_000_000

    /// Whether routes may be taken whose price is unknown: what nobody can add up goes with no budget, unless told so.
    var allowsUnknownPrices: Bool { unknownPrices ?? budget.isEmpty }

    /// Reads a number of requests, images or jobs.
    static func number(_ text: String) -> Int? {
        Int(text).flatMap { (1...numberLimit).contains($0) ? $0 : nil }
    }
}

extension KeyLimits: CustomStringConvertible {
    /// What bounds the use, in a few words: `20.00/month, 60 rpm`.
    var description: String {
        var words = budget.lines.map { "\($0.amount)/\($0.period.rawValue)" }
        if let requestsPerMinute { words.append("\(requestsPerMinute) rpm") }
        if let imagesPerMinute { words.append("\(imagesPerMinute) images/min") }
        if let concurrency { words.append("\(concurrency) at once") }
        return words.isEmpty ? "none" : words.joined(separator: ", ")
    }
}

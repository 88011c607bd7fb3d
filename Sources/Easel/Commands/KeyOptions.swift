/// What the options of `easel keys create` and `keys limit` say of a key's limits.
struct KeyOptions {
    static let names = ["budget", "rpm", "images-per-minute", "concurrency", "expires", "unknown-prices"]

    /// What takes a limit away.
    private static let none = "none"

    private let arguments: Arguments

    /// - Throws: A usage error for the first option that cannot be read.
    init(_ arguments: Arguments, at now: Timestamp) throws(UsageError) {
        self.arguments = arguments
        _ = try changed(KeyLimits(), at: now)
    }

    var isEmpty: Bool { Self.names.allSatisfy { arguments[$0] == nil } }

    /// Limits with those in place that the options name; the others stay.
    func changed(_ limits: KeyLimits, at now: Timestamp) throws(UsageError) -> KeyLimits {
        var limits = limits
        let number = "a number from 1 to \(KeyLimits.numberLimit)"
        try read("budget", like: "amounts such as \(Budget.example)", Budget.init) { limits.budget = $0 ?? Budget() }
        try read("rpm", like: number, KeyLimits.number) { limits.requestsPerMinute = $0 }
        try read("images-per-minute", like: number, KeyLimits.number) { limits.imagesPerMinute = $0 }
        try read("concurrency", like: number, KeyLimits.number) { limits.concurrency = $0 }
        try read("expires", like: "a date such as 2027-01-31, or a time from now such as 90d") {
            Day($0)?.start ?? Quantity.duration($0).map { now + $0 }
        } set: {
            limits.expiresAt = $0
        }
        try read("unknown-prices", like: "allow or refuse") {
            $0 == "allow" ? true : $0 == "refuse" ? false : nil
        } set: {
            limits.unknownPrices = $0
        }
        return limits
    }

    private func read<Value>(
        _ name: String, like example: String, _ parse: (String) -> Value?, set: (Value?) -> Void
    ) throws(UsageError) {
        // Several of one option are as good as one with commas.
        let text = arguments.values(of: name).joined(separator: ",")
        guard arguments[name] != nil, text != Self.none else { return arguments[name] == nil ? () : set(nil) }
        guard let value = parse(text) else { throw UsageError("--\(name) takes \(example); or \(Self.none)") }
        set(value)
    }
}

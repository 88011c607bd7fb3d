import HTTP

/// What a key may spend: an amount for each period that the owner has set one for.
struct Budget: Sendable, Hashable {
    /// The time whose spending counts together; days and months are those of UTC.
    enum Period: String, Sendable, CaseIterable {
        case day, month, total
    }

    private var amounts: [Period: Money] = [:]

    init() {}

    /// Whether nothing bounds the spending.
    var isEmpty: Bool { amounts.isEmpty }

    /// The amount of a period; `nil` is no bound.
    subscript(period: Period) -> Money? {
        get { amounts[period] }
        set { amounts[period] = newValue }
    }

    /// The periods that have an amount, shortest first.
    var lines: [(period: Period, amount: Money)] {
        Period.allCases.compactMap { period in amounts[period].map { (period, $0) } }
    }
}

extension Budget {
    /// What a budget is written like.
    static let example = "20.00/month, 5/day or 100/total"

    /// Reads `20.00/month`, or several of them with commas in between; each period once.
    init?(_ text: String) {
        for line in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = line.split(separator: "/", omittingEmptySubsequences: false).map(\.trimmingOptionalWhitespace)
            guard parts.count == 2, let amount = Money(String(parts[0])),
                let period = Period(rawValue: String(parts[1])),
                amounts[period] == nil
            else { return nil }
            amounts[period] = amount
        }
    }
}

extension Budget: CustomStringConvertible {
    /// As it is read: `5.00/day, 20.00/month`.
    var description: String { lines.map { "\($0.amount)/\($0.period.rawValue)" }.joined(separator: ", ") }
}

extension Budget.Period {
    /// The first day whose spending counts together with that of a day; `nil` when every earlier day counts.
    func firstDay(for day: Day) -> Day? {
        switch self {
        case .day: day
        case .month: day.firstOfMonth
        case .total: nil
        }
    }

    /// When the spending of a day counts no more; `nil` when it always will.
    func end(after day: Day) -> Timestamp? {
        switch self {
        case .day: day.next.start
        case .month: day.firstOfNextMonth.start
        case .total: nil
        }
    }
}

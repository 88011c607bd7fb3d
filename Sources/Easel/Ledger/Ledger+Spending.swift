import SQLite

/// What a key has spent in a period, and what jobs under way may add to that.
struct Spending: Sendable, Hashable {
    var spent = Money(microunits: 0)
    var reserved = Money(microunits: 0)

    var total: Money { Money(microunits: spent.microunits &+ reserved.microunits) }
}

/// A job was not accepted: with it the key could spend more than its owner allows.
struct BudgetExceeded: Error, Sendable, Hashable {
    var period: Budget.Period
    var budget: Money
    /// What is spent or reserved already.
    var used: Money
    /// The most that the job can cost.
    var wanted: Money
    /// When the period ends; `nil` when it never does.
    var resetsAt: Timestamp?
}

extension Ledger {
    /// What a key has spent, by period, as of a moment.
    func spending(of keyID: String, at now: Timestamp) async throws -> [Budget.Period: Spending] {
        try await database.read { connection in
            var spending: [Budget.Period: Spending] = [:]
            for period in Budget.Period.allCases {
                spending[period] = try Self.spending(of: keyID, in: period, on: Day(of: now), connection)
            }
            return spending
        }
    }

    /// Insists that a job's key can pay the most that the job can cost, in the transaction that writes the job down: of
    /// several at once, each sees what those before it have reserved.
    ///
    /// - Throws: ``BudgetExceeded``. A key without budget can pay everything.
    static func checkBudget(of job: JobRecord, _ connection: borrowing Connection) throws {
        let budget = try connection.row(budgetOfKey, [.text(job.keyID)]) { row in
            var budget = Budget()
            for (column, period) in zip(0..., Budget.Period.allCases) {
                budget[period] = row.optionalInteger(column).map(Money.init(stored:))
            }
            return budget
        }
        let (wanted, day) = (job.reserved ?? Money(microunits: 0), Day(of: job.acceptedAt))
        for (period, amount) in budget?.lines ?? [] {
            let used = try spending(of: job.keyID, in: period, on: day, connection).total
            // What costs nothing can be had without money.
            guard wanted.microunits > 0, used.microunits > amount.microunits &- wanted.microunits else { continue }
            throw BudgetExceeded(
                period: period, budget: amount, used: used, wanted: wanted, resetsAt: period.end(after: day))
        }
    }

    private static func spending(
        of keyID: String, in period: Budget.Period, on day: Day, _ connection: borrowing Connection
    ) throws -> Spending {
        let first = period.firstDay(for: day).map { Int($0.number) } ?? 0
        return try connection.row(spendingOfKey, [.text(keyID), .integer(first)]) { row in
            Spending(spent: Money(stored: row.integer(0)), reserved: Money(stored: row.integer(1)))
        } ?? Spending()
    }

    static let budgetOfKey = "SELECT budget_day, budget_month, budget_total FROM keys WHERE id = ?"
    // A clock that was set back must not open a budget again: later days count as well.
    static let spendingOfKey =
        "SELECT coalesce(sum(spent), 0), coalesce(sum(reserved), 0) FROM spending WHERE key_id = ? AND day >= ?"
}

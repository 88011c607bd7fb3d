import SQLite

/// What the books count for a key on a day, where its jobs add up to something else.
struct SpendingDifference: Sendable, Hashable {
    var keyID: String
    var day: Day
    var counted: Spending
    var actual: Spending
}

extension Ledger {
    /// Where what keys have spent, as it is counted while jobs begin and end, is not what their jobs add up to.
    ///
    /// As of one moment. In memory are two sums for each key and day, and never the jobs.
    func spendingDifferences() async throws -> [SpendingDifference] {
        try await database.read { connection in
            var sums = try Self.sumsOfJobs(connection)
            var differences: [SpendingDifference] = []
            let counts = try connection.rows(Self.countedSpending) { Self.sum($0) }
            for (line, counted) in counts {
                let actual = sums.removeValue(forKey: line) ?? Spending()
                guard actual != counted else { continue }
                differences.append(
                    SpendingDifference(keyID: line.keyID, day: line.day, counted: counted, actual: actual))
            }
            for (line, actual) in sums where actual != Spending() {
                differences.append(
                    SpendingDifference(keyID: line.keyID, day: line.day, counted: Spending(), actual: actual))
            }
            return differences.sorted { ($0.keyID, $0.day) < ($1.keyID, $1.day) }
        }
    }

    /// What is counted in one row.
    private struct Line: Hashable {
        var keyID: String
        var day: Day
    }

    private static func sumsOfJobs(_ connection: borrowing Connection) throws -> [Line: Spending] {
        var sums: [Line: Spending] = [:]
        var last = ""
        while true {
            let parts = try connection.rows(spendingOfJobs, [.text(last), .integer(jobsAtOnce)]) { row in
                (sum: sum(row), lastID: row.text(4))
            }
            for (line, part) in parts.map(\.sum) {
                sums[line, default: Spending()].spent.microunits &+= part.spent.microunits
                sums[line, default: Spending()].reserved.microunits &+= part.reserved.microunits
            }
            guard let end = parts.map(\.lastID).max() else { return sums }
            last = end
        }
    }

    private static func sum(_ row: borrowing Row) -> (Line, Spending) {
        (
            Line(keyID: row.text(0), day: Day(number: Int64(row.integer(1)))),
            Spending(spent: Money(stored: row.integer(2)), reserved: Money(stored: row.integer(3)))
        )
    }

    /// Jobs whose sums are asked for at once: SQLite has them all in memory to put them in order.
    private static let jobsAtOnce = 10_000

    private static let countedSpending = "SELECT key_id, day, spent, reserved FROM spending"
    // As the triggers of the table `spending` add them up.
    private static let spendingOfJobs = """
        SELECT key_id, accepted_at / 86400000000,
            sum(iif(finished_at IS NULL, 0, coalesce(cost, reserved, 0))),
            sum(iif(finished_at IS NULL, coalesce(reserved, 0), 0)), max(id)
        FROM (SELECT * FROM jobs WHERE id > ? ORDER BY id LIMIT ?) GROUP BY 1, 2
        """
}

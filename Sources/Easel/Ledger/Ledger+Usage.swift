import SQLite

/// What usage is added up by.
enum UsageGrouping: String, Sendable, CaseIterable {
    case key, model, provider, day
}

/// What one key, model, provider or day used.
struct UsageRow: Sendable, Hashable {
    var group: String
    var jobs: Int
    var done: Int
    var images: Int
    /// Bytes of the images.
    var imageLength: Int
    /// Of the jobs whose price is known.
    var cost: Money
    /// Jobs whose price is not known.
    var unpriced: Int
}

extension Ledger {
    /// Adds up the jobs accepted since a moment, the costliest group first; days in their own order.
    func usage(by grouping: UsageGrouping, since: Timestamp) async throws -> [UsageRow] {
        try await database.read { connection in
            try connection.rows(Self.usage(by: grouping), [.text(RequestID.lowest(at: since))]) { row in
                UsageRow(
                    group: row.text(0), jobs: row.integer(1), done: row.integer(2), images: row.integer(3),
                    imageLength: row.integer(4), cost: Money(stored: row.integer(5)), unpriced: row.integer(6))
            }
        }
    }

    /// The query, whose parameter is the lowest id to count.
    static func usage(by grouping: UsageGrouping) -> String {
        let group =
            switch grouping {
            case .key: "(SELECT name FROM keys WHERE keys.id = jobs.key_id)"
            case .model: "jobs.model"
            case .provider:
                "coalesce((SELECT provider FROM attempts WHERE job_id = jobs.id ORDER BY ordinal DESC LIMIT 1), '')"
            case .day: "date(accepted_at / 1000000, 'unixepoch')"
            }
        return """
            SELECT \(group) AS grp, count(*), sum(state = 'done'), sum(images), sum(image_bytes),
                coalesce(sum(cost), 0) AS known, sum(cost IS NULL)
            FROM jobs WHERE id >= ? GROUP BY grp ORDER BY \(grouping == .day ? "grp" : "known DESC, grp")
            """
    }
}

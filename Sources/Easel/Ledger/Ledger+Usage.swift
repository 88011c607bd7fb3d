import SQLite

/// What usage is added up by.
enum UsageGrouping: String, Sendable, CaseIterable {
    case key, model, provider, day
}

/// What one key, model, provider or day used.
struct UsageRow: Sendable, Hashable {
    /// The id of a key, the name of a model or provider (empty for jobs that never got to one), or a date.
    var group: String
    /// What people call a key.
    var name: String?
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
                    group: row.text(0), name: row.optionalText(1), jobs: row.integer(2), done: row.integer(3),
                    images: row.integer(4), imageLength: row.integer(5), cost: Money(stored: row.integer(6)),
                    unpriced: row.integer(7))
            }
        }
    }

    /// The query, whose parameter is the lowest id to count.
    static func usage(by grouping: UsageGrouping) -> String {
        let group =
            switch grouping {
            // The sign keeps SQLite from reading every job there is in the order of an index.
            case .key: "+jobs.key_id"
            case .model: "jobs.model"
            case .provider:
                "coalesce((SELECT provider FROM attempts WHERE job_id = jobs.id ORDER BY ordinal DESC LIMIT 1), '')"
            case .day: "date(accepted_at / 1000000, 'unixepoch')"
            }
        let name = grouping == .key ? "(SELECT name FROM keys WHERE keys.id = jobs.key_id)" : "NULL"
        return """
            SELECT \(group) AS grp, \(name), count(*), sum(state = 'done'), sum(images), sum(image_bytes),
                coalesce(sum(cost), 0) AS known, sum(cost IS NULL)
            FROM jobs WHERE id >= ? GROUP BY grp ORDER BY \(grouping == .day ? "grp" : "known DESC, grp")
            """
    }
}

import SQLite
import Testing

@testable import Easel

/// Ten million rows must cost what ten do: no query that a request or a minute needs may read a table from end to end.
struct QueryPlanTests {
    private static let queries: [(name: String, sql: String)] = [
        ("the key of a request", Ledger.keyOfHash),
        ("a key that was replaced", Ledger.keyOfFormerHash), ("a key by its id", Ledger.keyOfID),
        ("a key's budget", Ledger.budgetOfKey), ("what a key has spent", Ledger.spendingOfKey),
        ("one job", Ledger.jobOfID), ("its attempts", Ledger.attemptsOfJob),
        ("its images", Ledger.imagesOfJob), ("the newest jobs", Ledger.newestJobs),
        ("its small images", Ledger.smallImagesOfJob),
        ("the image of a link", Ledger.imageOfToken), ("the small image of a link", Ledger.smallImageOfToken),
        ("the oldest small images", Ledger.oldestSmallImages), ("forgetting a small image", Ledger.deleteSmallImage),
        ("small images one after the other", Ledger.smallImagesWithContent), ("old blobs", Ledger.blobsUsedBefore),
        ("the oldest blobs", Ledger.oldestBlobs), ("the total of blobs", Ledger.totalOfBlobs),
        ("forgetting links", Ledger.deleteLinks), ("forgetting a blob", Ledger.deleteBlob),
        ("a job by its client's name", Ledger.newestOfIdempotencyKey),
        ("jobs that asked for the same", Ledger.newestOfFingerprint), ("an hour with jobs", Ledger.hourBefore),
        ("unfinished jobs", Ledger.unfinishedJobs),
        ("blobs of a folder", Ledger.blobsBetween), ("the jobs of a blob", Ledger.jobsOfBlob),
        ("usage by key", Ledger.usage(by: .key)), ("usage by model", Ledger.usage(by: .model)),
        ("usage by provider", Ledger.usage(by: .provider)), ("usage by day", Ledger.usage(by: .day)),
    ]

    /// Which index, where the wrong one would read every job of a client.
    private static let indexes: [(sql: String, index: String)] = [
        (Ledger.newestOfIdempotencyKey, "jobs_by_idempotency_key (key_id=? AND idempotency_key=?)"),
        (Ledger.newestOfFingerprint, "jobs_by_hour (accepted_hour=? AND key_id=? AND fingerprint=? AND id>?)"),
        (Ledger.unfinishedJobs, "jobs_unfinished (finished_at=?)"),
    ]

    @Test(arguments: indexes) func `a query takes the index made for it`(sql: String, index: String) async throws {
        #expect(try await steps(of: sql).first == "SEARCH jobs USING INDEX \(index)")
    }

    @Test(arguments: queries) func `a query finds its rows by an index`(name: String, sql: String) async throws {
        let steps = try await steps(of: sql)
        #expect(!steps.isEmpty)
        for step in steps where step.hasPrefix("SCAN") {
            // In the order of an index or of the table itself, and only as far as the limit goes.
            let isOrdered = step.contains("USING") || ["SCAN jobs", "SCAN small_images"].contains(step)
            #expect(sql.contains("LIMIT ?") && isOrdered, "\(name): \(step)")
        }
        // Sums are sorted, and the few jobs of one name.
        let maySort = sql.contains("GROUP BY") || sql == Ledger.newestOfIdempotencyKey
        #expect(maySort || !steps.contains { $0.contains("TEMP B-TREE") }, "\(name): \(steps)")
    }

    /// How SQLite would go about a query.
    private func steps(of sql: String) async throws -> [String] {
        let folder = TemporaryFolder()
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let steps = try await ledger.database.write { connection in
            let parameters = Array(repeating: Value.null, count: sql.count { $0 == "?" })
            return try connection.rows("EXPLAIN QUERY PLAN " + sql, parameters) { $0.text(3) }
        }
        await ledger.close()
        return steps
    }
}

import Crypto
import SQLite

@testable import Easel

// Rows for tests of the ledger, told apart by what matters to a test.

extension JobRecord {
    static func example(
        _ id: String, key: String, model: String = "otter", at moment: Timestamp = ManualClock().now, count: Int = 1
    ) -> JobRecord {
        JobRecord(
            id: id, keyID: key, operation: "generate", model: model, state: .submitted, parameters: #"{"n":1}"#,
            promptCharacters: 8, inputImages: 0, wantedImages: count, acceptedAt: moment, requestLength: 100)
    }
}

extension AttemptRecord {
    static func example(_ jobID: String, _ ordinal: Int = 1, provider: String = "p0") -> AttemptRecord {
        AttemptRecord(
            jobID: jobID, ordinal: ordinal, provider: provider, model: "theirs", state: .submitted,
            submittedAt: ManualClock().now)
    }
}

extension ImageRecord {
    /// The image of a blob that is only a name, which is its token as well.
    static func example(_ name: String, of jobID: String, at position: Int = 0) -> ImageRecord {
        ImageRecord(
            token: name, jobID: jobID, position: position, blob: .example(name), createdAt: ManualClock().now)
    }
}

extension BlobRecord {
    /// The blob of a picture that is only a name.
    static func example(_ name: String, length: Int = 100) -> BlobRecord {
        BlobRecord(
            digest: SHA256.digest(of: Array(name.utf8)), mediaType: "image/png", length: length, width: 4, height: 3)
    }
}

extension Ledger {
    func anyKey(_ name: String = "ci") async throws -> KeyRecord {
        try await createKey(name: name, models: nil, at: ManualClock().now).record
    }

    /// Writes down a finished job with these images.
    @discardableResult
    func addJob(
        _ id: String, key: KeyRecord, model: String = "otter", provider: String = "p0", state: JobState = .done,
        blobs: [BlobRecord] = [], cost: Money? = nil, at moment: Timestamp = ManualClock().now
    ) async throws -> [ImageRecord] {
        var job = JobRecord.example(id, key: key.id, model: model, at: moment, count: blobs.count)
        var attempt = AttemptRecord.example(id, provider: provider)
        try await accept(job, attempt)
        let images = blobs.enumerated().map { position, blob in
            ImageRecord(token: "\(id)-\(position)", jobID: id, position: position, blob: blob, createdAt: moment)
        }
        (job.state, job.finishedAt, job.cost, job.images) = (state, moment + .seconds(1), cost, blobs.count)
        job.imageLength = blobs.reduce(0) { $0 + $1.length }
        (attempt.state, attempt.answeredAt) = (.done, moment + .seconds(1))
        try await finish(job, attempt, images: images)
        return images
    }

    /// One number that a query gives.
    func number(_ sql: String) async throws -> Int? {
        try await database.read { connection in try connection.row(sql) { $0.integer(0) } }
    }
}

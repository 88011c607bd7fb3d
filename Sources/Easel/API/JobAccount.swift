import Crypto
import JSON

/// Easel's account of a job, beside the images in every answer: where they came from, what they cost, and what became of
/// every parameter.
enum JobAccount {
    static func json(_ story: JobStory, _ configuration: Configuration) -> JSONValue {
        let (job, attempt) = (story.job, story.attempts.last)
        var account = JSONObject(reserving: 12)
        account["id"] = .string(job.id)
        account["provider"] = (attempt?.provider).map(JSONValue.string)
        account["model"] = (attempt?.model).map(JSONValue.string)
        account["upstream_request_id"] = (attempt?.upstreamID).map(JSONValue.string)
        account["seed"] = story.images.first?.seed.map(JSONValue.integer) ?? .null
        account["cost"] = job.cost.map { .double(Double($0.microunits) / 1_000_000) } ?? .null
        account["currency"] = .string(configuration.currency)
        account["timings"] = [
            "upstream_ms": .integer(story.timings.upstream.milliseconds),
            "storing_ms": .integer(story.timings.storing.milliseconds),
        ]
        account["images"] = .array(story.images.map(image))
        account["parameters"] = job.report.map(JSONValue.verbatim)
        if !job.missing.isEmpty { account["missing"] = .array(job.missing.map(JSONValue.string)) }
        return .object(account)
    }

    private static func image(_ image: ImageRecord) -> JSONValue {
        [
            "width": .integer(Int64(image.blob.width)), "height": .integer(Int64(image.blob.height)),
            "media_type": .string(image.blob.mediaType), "bytes": .integer(Int64(image.blob.length)),
            "sha256": .string(image.blob.digest.description), "seed": image.seed.map(JSONValue.integer) ?? .null,
        ]
    }
}

extension [ParameterReport] {
    /// An object by parameter: what became of it, and the value that was used.
    var json: JSONValue {
        var object = JSONObject()
        for report in self {
            var entry: JSONObject = ["outcome": .string(report.outcome.rawValue)]
            entry["value"] = report.sent
            if report.outcome != .applied { entry["asked"] = report.asked }
            entry["note"] = report.note.map(JSONValue.string)
            object[report.parameter] = .object(entry)
        }
        return .object(object)
    }
}

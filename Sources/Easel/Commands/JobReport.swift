import Crypto
import JSON

/// The story of one request, for a person who was asked about it.
struct JobReport {
    let text: String

    init(_ story: JobStory, _ configuration: Configuration) {
        let job = story.job
        var lines = [
            "\(job.id)  \(job.state.rawValue)", "",
            Self.line("operation", "\(job.operation) with \(job.model)"),
            Self.line("key", "\(story.keyName) (\(job.keyID))"),
            Self.line(
                "request",
                "\(job.wantedImages) wanted, prompt of \(job.promptCharacters) characters, "
                    + "\(job.inputImages) input images, \(job.requestLength) bytes"),
            Self.line("parameters", job.parameters),
        ]
        if job.idempotencyKey != nil { lines.append(Self.line("idempotency key", "given")) }
        lines += [
            Self.line("accepted", "\(job.acceptedAt)"),
            Self.line("finished", job.finishedAt.map { "\($0)" } ?? "not yet"),
            Self.line("cost", job.cost.map { "\($0) \(configuration.currency)" } ?? "unknown"),
        ]
        if let usage = job.usage { lines.append(Self.line("usage", usage.text)) }
        for reason in job.missing { lines.append(Self.line("missing image", reason)) }
        if let error = job.error {
            lines.append(Self.line("error", (job.errorStatus.map { "HTTP \($0)  " } ?? "") + error))
        }
        for attempt in story.attempts { lines += ["", "attempt \(attempt.ordinal)"] + Self.lines(of: attempt, job) }
        for (index, image) in story.images.enumerated() {
            lines += ["", "image \(index)"] + Self.lines(of: image, configuration)
        }
        lines += Self.parameterLines(job.report)
        text = lines.joined(separator: "\n")
    }

    private static func lines(of attempt: AttemptRecord, _ job: JobRecord) -> [String] {
        var lines = [
            line("provider", "\(attempt.provider), as \(attempt.model)"),
            line("state", attempt.state.rawValue),
            line("submitted", "\(attempt.submittedAt)  (+\((attempt.submittedAt - job.acceptedAt).milliseconds) ms)"),
        ]
        if let answered = attempt.answeredAt {
            lines.append(line("answered", "\(answered)  (+\((answered - attempt.submittedAt).milliseconds) ms)"))
        }
        if let status = attempt.upstreamStatus { lines.append(line("status", "\(status)")) }
        if let id = attempt.upstreamID { lines.append(line("their id", id)) }
        if let task = attempt.task { lines.append(line("their task", task)) }
        if let failure = attempt.failure { lines.append(line("failure", failure)) }
        return lines
    }

    private static func lines(of image: ImageRecord, _ configuration: Configuration) -> [String] {
        [
            line("link", configuration.link(to: image)),
            line(
                "picture",
                "\(image.blob.mediaType), \(image.blob.width)x\(image.blob.height), \(image.blob.length) bytes"
                    + (image.seed.map { ", seed \($0)" } ?? "")),
            line("sha256", image.blob.digest.description),
        ]
    }

    private static func parameterLines(_ report: String?) -> [String] {
        let json = report.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        guard let parameters = json?.object, !parameters.isEmpty else { return [] }
        return ["", "what became of its parameters"]
            + parameters.members.map { member in
                let value = member.value["value"].map { " \($0.text)" } ?? ""
                let note = member.value["note"]?.string.map { "  (\($0))" } ?? ""
                return line(member.name, "\(member.value["outcome"]?.string ?? "")\(value)\(note)")
            }
    }

    private static func line(_ name: String, _ value: String) -> String {
        "  \(name)\(String(repeating: " ", count: max(1, 18 - name.count)))\(value)"
    }
}

extension JobStory {
    func json(_ configuration: Configuration) -> JSONValue {
        var object = job.json.object ?? [:]
        let parse: (String?) -> JSONValue? = { text in text.flatMap { try? JSONValue(parsing: Array($0.utf8)) } }
        object["key_name"] = .string(keyName)
        object["parameters"] = parse(job.parameters)
        object["report"] = parse(job.report)
        // A client's own name for its request is nobody else's business.
        object["has_idempotency_key"] = .bool(job.idempotencyKey != nil)
        object["usage"] = job.usage
        object["missing"] = .array(job.missing.map(JSONValue.string))
        object["error"] = parse(job.error)
        object["error_status"] = job.errorStatus.map { .integer(Int64($0)) }
        object["attempts"] = .array(
            attempts.map { attempt in
                var entry: JSONObject = [
                    "provider": .string(attempt.provider), "model": .string(attempt.model),
                    "state": .string(attempt.state.rawValue), "submitted": .string("\(attempt.submittedAt)"),
                ]
                entry["answered"] = attempt.answeredAt.map { .string("\($0)") }
                entry["status"] = attempt.upstreamStatus.map { .integer(Int64($0)) }
                entry["upstream_id"] = attempt.upstreamID.map(JSONValue.string)
                entry["task"] = parse(attempt.task)
                entry["failure"] = parse(attempt.failure)
                return .object(entry)
            })
        object["data"] = .array(
            images.map { image in
                [
                    "url": .string(configuration.link(to: image)), "media_type": .string(image.blob.mediaType),
                    "width": .integer(Int64(image.blob.width)), "height": .integer(Int64(image.blob.height)),
                    "bytes": .integer(Int64(image.blob.length)), "sha256": .string(image.blob.digest.description),
                    "seed": image.seed.map(JSONValue.integer) ?? .null,
                ]
            })
        return .object(object)
    }
}

import Crypto
import Files
import HTTP
import HTTPServer
import JSON

/// A finished job as OpenAI's images API answers, with Easel's account beside it.
struct ImagesAnswer {
    let response: Response

    /// - Throws: That an image of the job cannot be read.
    init(
        _ job: FinishedJob, _ delivery: Submission.Delivery, _ configuration: Configuration, _ files: FileServer
    ) async throws(FileError) {
        var head: JSONObject = ["created": .integer((job.record.finishedAt ?? job.record.acceptedAt).seconds)]
        head["output_format"] = Self.outputFormat(of: job.images)
        head["size"] = job.images.first.map { .string("\($0.blob.width)x\($0.blob.height)") }
        head["usage"] = Self.usage(job.usage)
        let easel = Self.easel(job, configuration)
        var fields: Fields = [
            "content-type": "application/json", "cache-control": "no-store", "x-request-id": job.record.id,
        ]
        fields["openai-processing-ms"] = String((job.timings.upstream + job.timings.storing).milliseconds)

        switch delivery {
        case .url:
            head["data"] = .array(
                job.images.map { image in
                    var item: JSONObject = ["url": .string(configuration.link(to: image))]
                    item["revised_prompt"] = image.revisedPrompt.map(JSONValue.string)
                    return .object(item)
                })
            head["easel"] = easel
            response = Response(.ok, fields: fields, body: .bytes(JSONValue.object(head).encoded()))
        case .base64:
            let source = try await SegmentSource(Self.base64Segments(head, easel, job.images, files))
            response = Response(.ok, fields: fields, body: .stream(source, length: source.length))
        }
    }

    /// The JSON text around the images, which are encoded from their files while it is sent.
    private static func base64Segments(
        _ head: JSONObject, _ easel: JSONValue, _ images: [ImageRecord], _ files: FileServer
    ) -> [Segment] {
        var text = Array(JSONValue.object(head).text.utf8.dropLast())
        text += Array(#","data":["#.utf8)
        var segments: [Segment] = []
        for (index, image) in images.enumerated() {
            text += Array((index == 0 ? "{" : ",{").utf8)
            if let prompt = image.revisedPrompt {
                text += Array("\"revised_prompt\":\(JSONValue.string(prompt).text),".utf8)
            }
            text += Array(#""b64_json":""#.utf8)
            segments.append(.bytes(text))
            segments.append(.base64(path: files.path(of: image)))
            text = Array("\"}".utf8)
        }
        text += Array("],\"easel\":\(easel.text)}".utf8)
        return segments + [.bytes(text)]
    }

    /// The format when it is one that OpenAI knows; strict clients reject any other word.
    private static func outputFormat(of images: [ImageRecord]) -> JSONValue? {
        switch images.first?.blob.mediaType {
        case "image/png": "png"
        case "image/jpeg": "jpeg"
        case "image/webp": "webp"
        case "image/gif": "gif"
        default: nil
        }
    }

    /// The provider's usage when it has every member that OpenAI's schema requires.
    private static func usage(_ usage: JSONValue?) -> JSONValue? {
        guard let usage, ["input_tokens", "output_tokens", "total_tokens"].allSatisfy({ usage[$0]?.int64 != nil }),
            let details = usage["input_tokens_details"], details["text_tokens"]?.int64 != nil,
            details["image_tokens"]?.int64 != nil
        else { return nil }
        return usage
    }

    /// What Easel adds: where the images came from, what they cost, and what became of every parameter.
    private static func easel(_ job: FinishedJob, _ configuration: Configuration) -> JSONValue {
        var easel: JSONObject = [
            "id": .string(job.record.id), "provider": .string(job.provider), "model": .string(job.upstreamModel),
        ]
        easel["upstream_request_id"] = job.upstreamRequestID.map(JSONValue.string)
        easel["seed"] = job.images.first?.seed.map(JSONValue.integer) ?? .null
        easel["cost"] = job.record.cost.map { .double(Double($0.microunits) / 1_000_000) } ?? .null
        easel["currency"] = .string(configuration.currency)
        easel["timings"] = [
            "upstream_ms": .integer(job.timings.upstream.milliseconds),
            "storing_ms": .integer(job.timings.storing.milliseconds),
        ]
        easel["images"] = .array(
            job.images.map {
                [
                    "width": .integer(Int64($0.blob.width)), "height": .integer(Int64($0.blob.height)),
                    "media_type": .string($0.blob.mediaType), "bytes": .integer(Int64($0.blob.length)),
                    "sha256": .string($0.blob.digest.description), "seed": $0.seed.map(JSONValue.integer) ?? .null,
                ]
            })
        easel["parameters"] = job.report.json
        if !job.missing.isEmpty { easel["missing"] = .array(job.missing.map(JSONValue.string)) }
        return .object(easel)
    }
}

extension Configuration {
    /// The lasting address of a stored image.
    func link(to image: ImageRecord) -> String {
        "\(publicURL)/files/\(image.token).\(FileServer.fileExtension(of: image.blob.mediaType))"
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

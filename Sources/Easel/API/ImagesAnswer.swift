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
        _ story: JobStory, _ delivery: Submission.Delivery, _ configuration: Configuration, _ files: FileServer
    ) async throws {
        let (job, images) = (story.job, story.images)
        var head = JSONObject(reserving: 8)
        head["created"] = .integer((job.finishedAt ?? job.acceptedAt).seconds)
        head["output_format"] = Self.outputFormat(of: images)
        head["size"] = images.first.map { .string("\($0.blob.width)x\($0.blob.height)") }
        head["usage"] = Self.usage(job.usage)
        let easel = JobAccount.json(story, configuration)
        var fields: Fields = [
            "content-type": "application/json", "cache-control": "no-store", "x-request-id": job.id,
        ]
        fields["openai-processing-ms"] = String((story.timings.upstream + story.timings.storing).milliseconds)

        switch delivery {
        case .url:
            head["data"] = .array(
                images.map { image in
                    var item: JSONObject = ["url": .string(configuration.link(to: image))]
                    item["revised_prompt"] = image.revisedPrompt.map(JSONValue.string)
                    return .object(item)
                })
            head["easel"] = easel
            let text = JSONValue.object(head).encoded(reserving: Self.usualLength)
            response = Response(.ok, fields: fields, body: .bytes(text))
        case .base64:
            let source = try await SegmentSource(try await Self.base64Segments(head, easel, images, files))
            response = Response(.ok, fields: fields, body: .stream(source, length: source.length))
        }
    }

    /// Bytes of JSON that most answers with links take.
    private static let usualLength = 2048

    /// The JSON text around the images, of which those in files are encoded while it is sent.
    private static func base64Segments(
        _ head: JSONObject, _ easel: JSONValue, _ images: [ImageRecord], _ files: FileServer
    ) async throws -> [Segment] {
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
            segments.append(try await files.encoded(image))
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
    static func usage(_ usage: JSONValue?) -> JSONValue? {
        guard let usage, ["input_tokens", "output_tokens", "total_tokens"].allSatisfy({ usage[$0]?.int64 != nil }),
            let details = usage["input_tokens_details"], details["text_tokens"]?.int64 != nil,
            details["image_tokens"]?.int64 != nil
        else { return nil }
        return usage
    }
}

extension Configuration {
    /// The lasting address of a stored image.
    func link(to image: ImageRecord) -> String {
        "\(publicURL)/files/\(image.token).\(FileServer.fileExtension(of: image.blob.mediaType))"
    }
}

import HTTP
import HTTPServer
import JSON

/// A job as `GET /v1/images/jobs/{id}` shows it to its owner.
enum JobAnswer {
    /// How long a client should leave a running job alone.
    static let pollPause = Duration.seconds(2)

    static func response(_ story: JobStory, _ configuration: Configuration) -> Response {
        let json = json(story, configuration)
        return story.job.state.isFinished ? response(story, json, status: .ok) : accepted(story, json)
    }

    /// Tells where and when to ask for a job (RFC 9110, section 15.3.3).
    static func accepted(_ story: JobStory, _ json: JSONValue) -> Response {
        var response = response(story, json, status: .accepted)
        response.fields["location"] = "/v1/images/jobs/\(story.job.id)"
        response.fields["retry-after"] = "\(pollPause.components.seconds)"
        return response
    }

    static func response(_ story: JobStory, _ json: JSONValue, status: Status) -> Response {
        var response = Response.json(json, status: status)
        response.fields["x-request-id"] = story.job.id
        return response
    }

    static func json(_ story: JobStory, _ configuration: Configuration) -> JSONValue {
        let job = story.job
        var object: JSONObject = [
            "id": .string(job.id), "object": "image.job", "state": .string(job.state.rawValue),
            "created": .integer(job.acceptedAt.seconds), "model": .string(job.model),
        ]
        if !story.images.isEmpty {
            object["data"] = .array(
                story.images.map { image in
                    var item: JSONObject = ["url": .string(configuration.link(to: image))]
                    item["revised_prompt"] = image.revisedPrompt.map(JSONValue.string)
                    return .object(item)
                })
        }
        object["error"] = job.error.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
        object["easel"] = JobAccount.json(story, configuration)
        return .object(object)
    }
}

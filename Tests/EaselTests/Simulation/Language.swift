import HTTP
import JSON

@testable import Easel

/// How one provider words its answers; the other side of a dialect.
enum Language: String, CaseIterable, Sendable {
    // Dialects of the tests.
    case plain, single, queue
    // Those that are delivered.
    case openai, together, fal, replicate, bfl, dashscope

    /// The name of its dialect.
    var dialect: String { self == .dashscope ? "dashscope-async" : rawValue }

    /// A model's name there.
    var model: String {
        switch self {
        case .plain, .single, .queue: "theirs"
        case .openai: "gpt-image-1"
        case .together: "black-forest-labs/FLUX.1-schnell"
        case .fal: "fal-ai/flux/dev"
        case .replicate: "acme/otter"
        case .bfl: "flux-2-pro"
        case .dashscope: "wan2.2-t2i-flash"
        }
    }

    var baseURL: String { "https://\(rawValue).test" }

    /// How many images one request can be for.
    var atOnce: Int {
        switch self {
        case .single, .queue, .replicate, .bfl: 1
        case .plain, .together, .fal, .dashscope: 4
        case .openai: 10
        }
    }

    var isQueue: Bool { [.queue, .fal, .replicate, .bfl, .dashscope].contains(self) }
    /// Whether its images may be in the answer itself.
    var isInline: Bool { [.plain, .single, .openai, .together].contains(self) }
    var cancelsForFree: Bool { [.fal, .dashscope].contains(self) }
    var hasResultRequest: Bool { [.queue, .fal].contains(self) }

    /// How many images a request is for.
    func count(in body: JSONValue) -> Int {
        let count =
            switch self {
            case .plain, .openai, .together: body["n"]
            case .fal: body["num_images"]
            case .dashscope: body["parameters"]?["n"]
            case .single, .queue, .replicate, .bfl: nil as JSONValue?
            }
        return Int(count?.int64 ?? 1)
    }

    // MARK: Answers

    /// What a task can be told to be.
    enum State: Sendable {
        case waiting, finished, failed, cancelled, gone
    }

    /// The answer to an order that was queued.
    func queued(_ task: String) -> JSONValue {
        switch self {
        case .fal:
            [
                "request_id": .string(task), "status": "IN_QUEUE",
                "status_url": .string("\(baseURL)/fal-ai/flux/requests/\(task)/status"),
                "response_url": .string("\(baseURL)/fal-ai/flux/requests/\(task)"),
                "cancel_url": .string("\(baseURL)/fal-ai/flux/requests/\(task)/cancel"),
            ]
        case .replicate: Self.prediction(task, "starting", baseURL)
        case .bfl: ["id": .string(task), "polling_url": .string("\(baseURL)/get_result?id=\(task)")]
        case .dashscope: ["output": ["task_id": .string(task), "task_status": "PENDING"], "request_id": "r"]
        default: ["id": .string(task)]
        }
    }

    /// The answer to a question about a task; it has the images where there is no other question for them.
    func status(_ state: State, _ task: String, _ items: [JSONValue]) -> JSONValue {
        switch self {
        case .fal:
            switch state {
            case .waiting: ["status": "IN_PROGRESS"]
            case .finished: ["status": "COMPLETED"]
            case .failed: ["status": "COMPLETED", "error": "boom", "error_type": "internal_error"]
            case .cancelled: ["status": "COMPLETED", "error": "stopped", "error_type": "client_cancelled"]
            case .gone: ["detail": "no such request"]
            }
        case .replicate:
            switch state {
            case .waiting, .gone: Self.prediction(task, "processing", baseURL)
            case .finished: Self.prediction(task, "succeeded", baseURL, output: .array(items))
            case .failed: ["id": .string(task), "status": "failed", "error": "boom"]
            case .cancelled: ["id": .string(task), "status": "canceled"]
            }
        case .bfl:
            switch state {
            case .waiting: ["id": .string(task), "status": "Pending"]
            case .finished: ["id": .string(task), "status": "Ready", "result": ["sample": items.first ?? .null]]
            case .failed, .cancelled: ["id": .string(task), "status": "Error"]
            case .gone: ["id": .string(task), "status": "Task not found"]
            }
        case .dashscope:
            switch state {
            case .waiting: ["output": ["task_id": .string(task), "task_status": "RUNNING"]]
            case .finished: ["output": ["task_status": "SUCCEEDED", "results": .array(items)]]
            case .failed: ["output": ["task_status": "FAILED", "code": "InternalError", "message": "boom"]]
            case .cancelled: ["output": ["task_status": "CANCELED"]]
            case .gone: ["output": ["task_status": "UNKNOWN"]]
            }
        default:
            switch state {
            case .waiting, .gone: ["state": "busy"]
            case .finished: ["state": "ready"]
            case .failed, .cancelled: ["state": "ready", "error": "boom"]
            }
        }
    }

    /// An answer that is images and nothing else.
    func images(_ items: [JSONValue]) -> JSONValue {
        switch self {
        case .fal: ["images": .array(items), "seed": 7]
        case .replicate: Self.prediction("done", "succeeded", baseURL, output: .array(items))
        default: ["data": .array(items)]
        }
    }

    /// One image of an answer; `inline` is its number among the answer's files.
    func item(_ url: String?, inline: Int?) -> JSONValue {
        if self == .replicate || self == .bfl { return .string(url ?? "") }
        var item = JSONObject()
        item["url"] = url.map(JSONValue.string)
        item["b64_json"] = inline.map(JSONValue.external)
        return .object(item)
    }

    /// What stands in the place of an image that could not be made; `nil` where it is only left out.
    var missingItem: JSONValue? {
        self == .dashscope ? ["code": "InternalError", "message": "this one failed"] : nil
    }

    private static func prediction(
        _ task: String, _ status: String, _ baseURL: String, output: JSONValue = .null
    ) -> JSONValue {
        [
            "id": .string(task), "status": .string(status), "output": output,
            "urls": [
                "get": .string("\(baseURL)/predictions/\(task)"),
                "cancel": .string("\(baseURL)/predictions/\(task)/cancel"),
            ],
        ]
    }
}

import HTTP
import JSON

@testable import Easel

// Results as fixtures write them: short, with what is absent left out.

extension Plan {
    var fixture: JSONValue {
        var object = JSONObject()
        object["requests"] = requests.isEmpty ? nil : .array(requests.map(\.fixture))
        if imagesPerRequest != [1] {
            object["images_per_request"] = .array(imagesPerRequest.map { .integer(Int64($0)) })
        }
        object["drawing"] = drawing?.fixture
        var report = JSONObject()
        for entry in self.report {
            var words = entry.outcome.rawValue
            if let sent = entry.sent, entry.outcome != .applied { words += " \(sent.scalarText ?? "?")" }
            if let note = entry.note { words += ", \(note)" }
            report[entry.parameter] = .string(words)
        }
        object["report"] = report.isEmpty ? nil : .object(report)
        return .object(object)
    }
}

extension Drawing {
    var fixture: JSONValue {
        [
            "prompt": .string(prompt), "size": .string("\(width)x\(height)"), "n": .integer(Int64(count)),
            "seed": seed.map(JSONValue.integer) ?? .null, "images": .integer(Int64(images.count)),
        ]
    }
}

extension UpstreamRequest {
    var fixture: JSONValue {
        var object = JSONObject()
        object[method.rawValue] = .string(url)
        var headers = JSONObject()
        for field in fields.all where field.name != "Accept" || field.value != "application/json" {
            headers[field.name] = .string(field.value)
        }
        object["headers"] = .object(headers)
        let text = body.map(\.fixture).joined()
        if let json = try? JSONValue(parsing: Array(text.utf8)) {
            object["json"] = json
        } else if !text.isEmpty {
            let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
            object["form"] = .array(lines.map { .string(String($0)) })
        }
        return .object(object)
    }
}

extension BodySegment {
    fileprivate var fixture: String {
        switch self {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .file(let file): "<bytes of \(file.path)>"
        case .base64(let file): "<base64 of \(file.path)>"
        }
    }
}

extension OrderRefusal {
    var fixture: JSONValue {
        var object = JSONObject()
        object["refused"] = .string(message)
        object["parameter"] = parameter.map(JSONValue.string)
        return .object(object)
    }
}

extension Outcome {
    var fixture: JSONValue {
        switch self {
        case .images(let images):
            var object = JSONObject()
            object["images"] = .array(images.images.map(\.fixture))
            object["failures"] = images.failures.isEmpty ? nil : .array(images.failures.map(\.fixture))
            object["request_id"] = images.requestID.map(JSONValue.string)
            object["seed"] = images.seed.map(JSONValue.integer)
            object["usage"] = images.usage
            return .object(object)
        case .queued(let task): return ["queued": task.json]
        case .failed(let failure): return ["failed": failure.fixture]
        }
    }
}

extension ResultImage {
    fileprivate var fixture: JSONValue {
        var object = JSONObject()
        (object["url"], object["base64"], object["external"], object["body"]) = payload.fixture
        if let alternative { object["alternative"] = alternative.fixture.0 ?? alternative.fixture.1 }
        object["revised_prompt"] = revisedPrompt.map(JSONValue.string)
        object["seed"] = seed.map(JSONValue.integer)
        return .object(object)
    }
}

extension ResultImage.Payload {
    fileprivate var fixture: (JSONValue?, JSONValue?, JSONValue?, JSONValue?) {
        switch self {
        case .url(let url): (.string(url), nil, nil, nil)
        case .base64(let text): (nil, .string(text), nil, nil)
        case .external(let number): (nil, nil, .integer(Int64(number)), nil)
        case .body: (nil, nil, nil, true)
        }
    }
}

extension ProviderFailure {
    var fixture: JSONValue {
        var object = JSONObject()
        object["kind"] = .string(self.kind.rawValue)
        object["message"] = .string(self.message)
        object["code"] = self.code.map(JSONValue.string)
        object["parameter"] = self.parameter.map(JSONValue.string)
        object["request_id"] = self.requestID.map(JSONValue.string)
        object["retry_after"] = self.retryAfter.map { .string("\($0)") }
        object["bought_nothing"] = .bool(self.boughtNothing)
        return .object(object)
    }
}

extension Progress {
    var fixture: JSONValue {
        switch self {
        case .waiting(let delay): ["waiting": delay.map { .string("\($0)") } ?? .null]
        case .finished: "finished"
        case .outcome(let outcome): outcome.fixture
        case .cancelled(let failure): ["cancelled": failure.fixture]
        case .unavailable(let failure): ["unavailable": failure.fixture]
        }
    }
}

extension Cancellation {
    var fixture: JSONValue {
        switch self {
        case .requested: "requested"
        case .alreadyFinished: "already finished"
        case .refused(let failure): ["refused": failure.fixture]
        }
    }
}

import Files
import JSON

/// Server-sent events as OpenAI's clients understand them (WHATWG HTML, section 9.2).
///
/// Every event is its name and one line of data. There is never an `id`, a `retry` or an event without data, on which
/// openai-python fails, and no `error` in an event that is none, which openai-go takes for one even when it is `null`.
enum EventStream {
    static let mediaType = "text/event-stream"

    /// Something to send while there is nothing to say: proxies close connections that are silent for a minute.
    ///
    /// A comment is the only thing that no client takes for an event.
    static let keepAlive = Array(": keep-alive\n\n".utf8)

    static func event(_ name: String, _ data: JSONObject) -> [UInt8] {
        Array("event: \(name)\ndata: \(JSONValue.object(data).text)\n\n".utf8)
    }

    /// An event whose data has an image under `b64_json`, whose text is a segment of it.
    static func event(_ name: String, _ data: JSONObject, image: Segment) -> [Segment] {
        let start = "event: \(name)\ndata: \(JSONValue.object(data).text.dropLast()),\"b64_json\":\""
        return [.bytes(Array(start.utf8)), image, .bytes(Array("\"}\n\n".utf8))]
    }

    /// The end of a stream that fails; the shape that makes every SDK raise it with its code.
    static func error(_ error: GatewayError) -> [UInt8] {
        event("error", ["type": "error", "error": error.json])
    }
}

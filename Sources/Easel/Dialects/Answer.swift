import HTTP
import JSON

/// A provider's answer as the engine received it; nothing in it is trusted.
struct Answer: Sendable, Hashable {
    enum Body: Sendable, Hashable {
        /// Long base64 strings in it are ``JSONValue/external(_:)``: already decoded on disk, numbered by the engine.
        case json(JSONValue)
        /// An image as raw bytes, known by its magic bytes and spooled by the engine.
        case image(mediaType: String)
        /// The beginning of anything else: of an HTML page, of plain text, or of JSON that does not parse.
        case text(String)
        case empty
    }

    var status: Int
    var fields: Fields
    var body: Body
    /// Whether the provider had shown work on the order before it answered: a refusal then proves nothing any more.
    var isUnderWay = false

    /// The body's JSON; `nil` for any other body.
    var json: JSONValue? { if case .json(let value) = body { value } else { nil } }
}

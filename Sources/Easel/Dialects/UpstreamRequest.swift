import HTTP

/// A request to a provider, complete but for sending it.
///
/// It holds the provider's key: print its ``description``, never its fields. It is to be sent as it is, without
/// following redirects, which would carry the key and a changed method elsewhere.
struct UpstreamRequest: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    var method: Method
    /// Verbatim: server-issued addresses break when they are decoded and encoded again.
    var url: String
    var fields: Fields
    var body: [BodySegment] = []

    /// The body's exact length in bytes, known before the first of them is read from disk.
    var bodyLength: Int { body.reduce(0) { $0 + $1.length } }

    /// Method, address without its query, and body length: nothing secret.
    var description: String {
        "\(method.rawValue) \(url.prefix { $0 != "?" && $0 != "#" }) (\(bodyLength) bytes)"
    }
    var debugDescription: String { description }
}

/// A piece of a request's body; images are read from their files while it is sent.
enum BodySegment: Sendable, Hashable {
    case bytes([UInt8])
    /// The file's bytes.
    case file(ImageFile)
    /// The file's bytes as base64 of the standard alphabet, padded, in one line (RFC 4648, section 4).
    case base64(ImageFile)

    /// Bytes on the wire.
    var length: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let file): file.length
        case .base64(let file): (file.length + 2) / 3 * 4
        }
    }
}

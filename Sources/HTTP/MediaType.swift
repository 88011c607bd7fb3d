/// The type of a body, such as `multipart/form-data; boundary="x"` (RFC 9110, section 8.3.1).
///
/// Type, subtype and parameter names are kept in lower case, so that equality ignores theirs.
package struct MediaType: Sendable, Hashable {
    package let type: String
    package let subtype: String
    package var parameters: Parameters

    package init(_ type: String, _ subtype: String, parameters: Parameters = [:]) {
        self.type = type.loweredASCII
        self.subtype = subtype.loweredASCII
        self.parameters = parameters
    }

    /// Reads a field's value; `nil` when it is malformed.
    package init?(_ text: some StringProtocol) {
        let text = Substring(text)
        let end = text.utf8.firstIndex(of: UInt8(ascii: ";")) ?? text.endIndex
        let essence = text[..<end].trimmingOptionalWhitespace
        guard let slash = essence.utf8.firstIndex(of: UInt8(ascii: "/")),
            let parameters = Parameters(text[end...], backslash: .escapesAnything)
        else { return nil }
        let (type, subtype) = (essence[..<slash], essence[essence.utf8.index(after: slash)...])
        guard [type, subtype].allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isInToken) }) else { return nil }
        self.init(String(type), String(subtype), parameters: parameters)
    }

    package static let json = MediaType("application", "json")
    package static let octetStream = MediaType("application", "octet-stream")
    package static let multipartFormData = MediaType("multipart", "form-data")
    package static let eventStream = MediaType("text", "event-stream")
    package static let plainText = MediaType("text", "plain")

    /// Type and subtype: `image/png`.
    package var essence: String { "\(type)/\(subtype)" }

    /// Whether two types are the same but for their parameters.
    package func matches(_ other: MediaType) -> Bool {
        type == other.type && subtype == other.subtype
    }
}

extension MediaType: CustomStringConvertible {
    package var description: String { essence + parameters.description }
}

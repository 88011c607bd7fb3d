/// The type of a body, such as `multipart/form-data; boundary="x"` (RFC 9110, section 8.3.1).
///
/// Type, subtype and parameter names are kept in lower case, so that equality ignores theirs.
package struct MediaType: Sendable, Hashable {
    package let type: String
    package let subtype: String
    package var parameters: Parameters

    package init(_ type: String, _ subtype: String, parameters: Parameters = [:]) {
        self.type = type.lowercased()
        self.subtype = subtype.lowercased()
        self.parameters = parameters
    }

    /// Reads a field's value; `nil` when it is malformed.
    package init?(_ text: some StringProtocol) {
        let head = text.prefix { $0 != ";" }
        let names = head.trimmingOptionalWhitespace.split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 2, names.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(\.isInToken) }),
            let parameters = Parameters(text[head.endIndex...], backslash: .escapesAnything)
        else { return nil }
        self.init(String(names[0]), String(names[1]), parameters: parameters)
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

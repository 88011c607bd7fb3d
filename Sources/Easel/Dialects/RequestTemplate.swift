import HTTP
import JSON

/// A request of a dialect before an order is put into it.
struct RequestTemplate: Sendable, Hashable {
    enum Body: Sendable, Hashable {
        case none
        case json(Template)
        /// Fields of a form; one that mentions `$images` is there once per image.
        case form([Template.Member])
    }

    var method: Method
    /// The path below the base URL; `nil` when the provider's page leaves it to the owner's configuration.
    var path: TextTemplate?
    /// The operation whose path in the configuration it takes; `nil` for the one it is for.
    var configuredPath: ImageOrder.Operation?
    var query: [TextField] = []
    var headers: [TextField] = []
    var body: Body

    struct TextField: Sendable, Hashable {
        var name: String
        var value: TextTemplate
    }
}

extension RequestTemplate {
    /// The request with more in its body, in place of what has the same names.
    func adding(_ members: [Template.Member]) -> RequestTemplate {
        var request = self
        let isKept = { (member: Template.Member) in !members.contains { $0.name == member.name } }
        switch body {
        case .form(let fields): request.body = .form(fields.filter(isKept) + members)
        case .json(.object(let fields)): request.body = .json(.object(fields.filter(isKept) + members))
        case .json, .none: break
        }
        return request
    }

    /// Calls for every placeholder with the place where the provider finds its value: a key, a query item or a header.
    func forEachPlaceholder(_ body: (_ placeholder: Placeholder, _ native: String) -> Void) {
        path?.placeholders.forEach { body($0, "the path") }
        for field in query { field.value.placeholders.forEach { body($0, field.name) } }
        for field in headers { field.value.placeholders.forEach { body($0, field.name) } }
        switch self.body {
        case .none: break
        case .json(let template): template.forEachPlaceholder(body)
        case .form(let fields):
            for field in fields { field.template.forEachPlaceholder(at: field.name, body) }
        }
    }

    /// Calls for everything that every order is sent with, and the place where the provider finds it.
    func forEachConstant(_ body: (_ value: JSONValue, _ native: String) -> Void) {
        for field in query { field.value.constant.map { body(.string($0), "\(field.name) (query)") } }
        for field in headers { field.value.constant.map { body(.string($0), "\(field.name) (header)") } }
        switch self.body {
        case .none: break
        case .json(let template): template.forEachConstant(body)
        case .form(let fields): for field in fields { field.template.forEachConstant(at: field.name, body) }
        }
    }

    /// The body with an order's values, and its media type.
    func body(
        of values: some TemplateValues, boundary: String
    ) -> (segments: [BodySegment], mediaType: String?) {
        switch body {
        case .none: return ([], nil)
        case .json(let template):
            var writer = BodyWriter()
            writer.writeJSON(template.render(values) ?? .object([]))
            return (writer.finish(), "application/json")
        case .form(let fields):
            var writer = MultipartWriter(boundary: boundary)
            for field in fields {
                for image in field.isRepeated ? Array(0..<values.imageCount) : [0] {
                    guard let rendering = field.template.render(values, image: image) else { continue }
                    writer.write(field.name, rendering)
                }
            }
            return (writer.finish(), "multipart/form-data; boundary=\(boundary)")
        }
    }

    /// The query with an order's values, with its question mark; empty without items.
    func query(of values: some TemplateValues) -> String {
        let items = query.compactMap { field in
            field.value.render(values) { text, _ in PercentEncoding.segment(text) }
                .map { "\(PercentEncoding.segment(field.name))=\($0)" }
        }
        return items.isEmpty ? "" : "?" + items.joined(separator: "&")
    }
}

extension Template.Member {
    fileprivate var isRepeated: Bool {
        if case .value(.eachImage) = template { true } else { false }
    }
}

/// Percent-encoding of values that are put into an address (RFC 3986, section 2).
enum PercentEncoding {
    /// Encodes everything but unreserved characters: a value stays within its segment or query item.
    static func segment(_ text: String) -> String { encode(text) { _ in false } }

    /// Encodes a value in a path; a model's name may be several segments, such as `fal-ai/flux/dev`.
    static func path(_ text: String, of placeholder: Placeholder) -> String {
        switch placeholder {
        case .model, .modelApplication: encode(text) { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: ":") }
        default: segment(text)
        }
    }

    private static func encode(_ text: String, except isKept: (UInt8) -> Bool) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if isUnreserved(byte) || isKept(byte) {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

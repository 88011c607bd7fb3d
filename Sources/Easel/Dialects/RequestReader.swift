import HTTP
import YAML

/// Reads the requests of a dialect.
struct RequestReader {
    let mistakes: Mistakes

    static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    /// Reads a request for an order; one that is drawn locally has its parameters under `draw`.
    func request(_ node: Node, _ name: String, isDrawn: Bool) -> RequestTemplate? {
        let order = TemplateReader(mistakes: mistakes, scope: .order)
        if isDrawn {
            let part = DialectPart(node, name, mistakes, keys: ["draw"])
            return RequestTemplate(
                method: .post, path: nil, body: .form(part["draw"].map(order.form) ?? []))
        }
        let part = DialectPart(node, name, mistakes, keys: Self.methods + ["query", "headers", "json", "multipart"])
        guard let (method, path) = Self.method(part) else { return nil }
        var request = RequestTemplate(method: method, path: nil, body: .none)
        if let name = path.string, name.hasPrefix(Self.configuredPaths) {
            request.configuredPath = configuredPath(name.dropFirst(Self.configuredPaths.count), at: path.position)
        } else if !path.isNull, let text = order.text(path) {
            request.path = text
            if !text.startsWithSlash {
                mistakes.report(path.position, "the path must begin with '/': it follows the base_url")
            }
        }
        request.query = (part["query"]?.mapping ?? []).compactMap { entry in
            entry.value.isNull ? nil : order.text(entry.value).map { .init(name: entry.key, value: $0) }
        }
        request.headers = headers(part)
        if part["json"] != nil, part["multipart"] != nil {
            part.report("multipart", "a request has either 'json' or 'multipart'")
        }
        if let json = part["json"] {
            request.body = .json(order.template(json))
            if json.mapping == nil { part.report("json", "'json' must be a mapping, like the provider's example") }
        } else if let form = part["multipart"] {
            request.body = .form(order.form(form))
        }
        reportForms(request, part)
        return request
    }

    /// The operation whose path the owner's configuration says, as in `POST: $paths.edit`.
    private func configuredPath(_ name: Substring, at position: Position) -> ImageOrder.Operation? {
        let operation = ImageOrder.Operation(rawValue: String(name))
        if operation == nil {
            mistakes.report(position, "'\(name)' is no operation; there are $paths.generate and $paths.edit")
        }
        return operation
    }

    private static let configuredPaths = "$paths."

    /// Header fields, in which the key can be.
    func headers(_ part: DialectPart, _ key: String = "headers") -> [RequestTemplate.TextField] {
        guard let node = part[key] else { return [] }
        guard let entries = node.mapping else {
            mistakes.report(node.position, "'\(key)' must be a mapping of header names")
            return []
        }
        let reader = TemplateReader(mistakes: mistakes, scope: .fields)
        return entries.compactMap { entry in
            guard !entry.value.isNull else { return nil }
            guard entry.key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }), !entry.key.isEmpty
            else {
                mistakes.report(entry.keyPosition, "'\(entry.key)' is no header name")
                return nil
            }
            return reader.text(entry.value).map { .init(name: entry.key, value: $0) }
        }
    }

    /// The one method of a request and what stands beside it.
    static func method(_ part: DialectPart) -> (Method, Node)? {
        let found = (part.node.mapping ?? []).filter { methods.contains($0.key) }
        guard let first = found.first, found.count == 1 else {
            part.mistakes.report(
                found.last?.keyPosition ?? part.node.position,
                "'\(part.name)' needs one method with its path, like 'POST: /images/generations'")
            return nil
        }
        return (Method(rawValue: first.key), first.value)
    }

    /// Files travel in forms only, and in forms images are only files or addresses.
    private func reportForms(_ request: RequestTemplate, _ part: DialectPart) {
        request.forEachPlaceholder { placeholder, native in
            switch (placeholder.imageForm, request.body) {
            case (.file?, .json):
                part.report(
                    "json", "'\(native)': a file fits only into 'multipart'; in JSON write .data_uri or .base64")
            case (.dataURI?, .form), (.base64?, .form), (.urlOrDataURI?, .form), (.urlOrBase64?, .form):
                part.report("multipart", "'\(native)': in 'multipart' an image is a .file or a .url")
            default: break
            }
        }
    }
}

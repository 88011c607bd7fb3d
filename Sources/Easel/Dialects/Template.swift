import JSON

/// A part of a request as a dialect writes it: the provider's example with placeholders in it.
indirect enum Template: Sendable, Hashable {
    case literal(JSONValue)
    /// A string that is exactly one placeholder: the value keeps its type.
    case value(Placeholder)
    /// Placeholders inside text.
    case text(TextTemplate)
    case object([Member])
    case list([Item])

    struct Member: Sendable, Hashable {
        var name: String
        var template: Template
    }

    struct Item: Sendable, Hashable {
        var template: Template
        /// Whether it mentions `$images`, and so is there once per image.
        var isRepeated: Bool
    }
}

/// Text with `${name}` in it.
struct TextTemplate: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case literal(String)
        case value(Placeholder)
    }

    var parts: [Part]

    var placeholders: [Placeholder] {
        parts.compactMap { if case .value(let placeholder) = $0 { placeholder } else { nil } }
    }

    /// The text with its values; `nil` when one of them is absent.
    ///
    /// `escape` is done to values, not to the literal text around them.
    func render(
        _ values: some TemplateValues, escape: (_ text: String, _ of: Placeholder) -> String = { text, _ in text }
    ) -> String? {
        var text = ""
        for part in parts {
            switch part {
            case .literal(let literal): text += literal
            case .value(let placeholder):
                guard case .value(let value)? = values[placeholder, image: nil], let words = value.templateText else {
                    return nil
                }
                text += escape(words, placeholder)
            }
        }
        return text
    }
}

/// What placeholders stand for in one rendering.
protocol TemplateValues {
    /// The value of a placeholder; `nil` when the order has none.
    ///
    /// `index` is the current repetition of a list item.
    subscript(placeholder: Placeholder, image index: Int?) -> Rendering? { get }
    /// How often a list item that mentions `$images` is repeated.
    var imageCount: Int { get }
}

/// A template with its values: JSON in which images are still files.
indirect enum Rendering: Sendable, Hashable {
    case value(JSONValue)
    case file(ImageFile)
    /// The file's base64 after some text, such as `data:image/png;base64,`.
    case base64(ImageFile, prefix: String)
    case object([Member])
    case list([Rendering])

    struct Member: Sendable, Hashable {
        var name: String
        var value: Rendering
    }
}

extension Template {
    /// The template with its values; `nil` when nothing is left of it.
    func render(_ values: some TemplateValues, image: Int? = nil) -> Rendering? {
        switch self {
        case .literal(let value): return .value(value)
        case .value(let placeholder): return values[placeholder, image: image]
        case .text(let text): return text.render(values).map { .value(.string($0)) }
        case .object(let members):
            let rendered = members.compactMap { member in
                member.template.render(values, image: image).map { Rendering.Member(name: member.name, value: $0) }
            }
            return rendered.isEmpty && !members.isEmpty ? nil : .object(rendered)
        case .list(let items):
            let rendered = items.flatMap { item in
                item.isRepeated
                    ? (0..<values.imageCount).compactMap { item.template.render(values, image: $0) }
                    : item.template.render(values, image: image).map { [$0] } ?? []
            }
            return rendered.isEmpty && !items.isEmpty ? nil : .list(rendered)
        }
    }

    /// Calls for every placeholder, with the path of keys that leads to it.
    func forEachPlaceholder(at path: String = "", _ body: (_ placeholder: Placeholder, _ path: String) -> Void) {
        switch self {
        case .literal: break
        case .value(let placeholder): body(placeholder, path)
        case .text(let text): text.placeholders.forEach { body($0, path) }
        case .object(let members):
            for member in members {
                member.template.forEachPlaceholder(at: path.isEmpty ? member.name : "\(path).\(member.name)", body)
            }
        case .list(let items): items.forEach { $0.template.forEachPlaceholder(at: path + "[]", body) }
        }
    }
}

extension Template {
    /// Calls for everything that is sent as it stands, with the path of keys that leads to it.
    func forEachConstant(at path: String = "", _ body: (_ value: JSONValue, _ path: String) -> Void) {
        switch self {
        case .literal(let value): body(value, path)
        case .value, .text: break
        case .object(let members):
            for member in members {
                member.template.forEachConstant(at: path.isEmpty ? member.name : "\(path).\(member.name)", body)
            }
        case .list(let items): items.forEach { $0.template.forEachConstant(at: path + "[]", body) }
        }
    }
}

extension TextTemplate {
    /// The text, when no placeholder is in it.
    var constant: String? {
        parts.reduce("" as String?) { text, part in
            if case .literal(let literal) = part { text.map { $0 + literal } } else { nil }
        }
    }
}

extension JSONValue {
    /// A scalar as text inside text, in a form field or in a query.
    var templateText: String? {
        if case .string(let text) = self { text } else { scalarText }
    }
}

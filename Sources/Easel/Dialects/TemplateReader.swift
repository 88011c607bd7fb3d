import JSON
import YAML

/// Reads templates out of a dialect's YAML.
struct TemplateReader {
    /// Which placeholders can have a value where the template stands.
    enum Scope {
        /// A request for an order.
        case order
        /// Header fields: also the key.
        case fields
        /// The requests about a job in the queue.
        case task

        func allows(_ placeholder: Placeholder) -> Bool {
            switch (placeholder, self) {
            case (.apiKey, .fields), (.model, _), (.modelApplication, _): true
            case (.apiKey, _), (_, .fields): false
            case (.task, .task), (.answer, .task): true
            case (.task, _), (.answer, _), (_, .task): false
            default: true
            }
        }
    }

    let mistakes: Mistakes
    let scope: Scope

    /// Reads the body of a request; `$images` outside a list is a mistake.
    func template(_ node: Node) -> Template {
        var isRepeated = false
        let template = read(node, isRepeated: &isRepeated)
        if isRepeated {
            mistakes.report(
                node.position, "$images stands for several; put it into a list, or write $image for the first of them")
        }
        return template
    }

    /// Reads text that may have `${name}` in it, or is one placeholder.
    func text(_ node: Node) -> TextTemplate? {
        guard let text = node.string else {
            mistakes.report(node.position, "this must be text")
            return nil
        }
        switch scalar(text, at: node.position) {
        case .literal(let value): return TextTemplate(parts: [.literal(value.templateText ?? "")])
        case .value(let placeholder): return TextTemplate(parts: [.value(placeholder)])
        case .text(let template): return template
        case .object, .list: return nil
        }
    }

    /// Reads the fields of a multipart form, where `$images` repeats its field.
    func form(_ node: Node) -> [Template.Member] {
        guard let entries = node.mapping else {
            mistakes.report(node.position, "'multipart' must be a mapping of field names")
            return []
        }
        return entries.compactMap { entry in
            if entry.value.isNull { return nil }
            guard entry.value.mapping == nil, entry.value.sequence == nil else {
                mistakes.report(entry.value.position, "the form field '\(entry.key)' must be text, a number or a file")
                return nil
            }
            var isRepeated = false
            return Template.Member(name: entry.key, template: read(entry.value, isRepeated: &isRepeated))
        }
    }

    private func read(_ node: Node, isRepeated: inout Bool) -> Template {
        switch node.content {
        case .scalar(let text, let isQuoted):
            if !isQuoted, let literal = Self.literal(node) { return .literal(literal) }
            let template = scalar(text, at: node.position)
            template.forEachPlaceholder { placeholder, _ in
                if case .eachImage = placeholder { isRepeated = true }
            }
            return template
        case .mapping(let entries):
            var members: [Template.Member] = []
            for entry in entries where !entry.value.isNull {
                members.append(
                    Template.Member(name: entry.key, template: read(entry.value, isRepeated: &isRepeated)))
            }
            return .object(members)
        case .sequence(let nodes):
            // The innermost list around `$images` is the one that repeats: the ones around it do not.
            return .list(
                nodes.filter { !$0.isNull }.map { node in
                    var repeats = false
                    let template = read(node, isRepeated: &repeats)
                    return Template.Item(template: template, isRepeated: repeats)
                })
        }
    }

    /// An unquoted number or flag.
    private static func literal(_ node: Node) -> JSONValue? {
        if let flag = node.bool { return .bool(flag) }
        if let integer = node.integer { return .integer(integer) }
        if let double = node.double, double.isFinite { return .double(double) }
        return nil
    }

    private func scalar(_ text: String, at position: Position) -> Template {
        do throws(SyntaxError) {
            let parts = try Self.parts(of: text)
            for case .value(let placeholder) in parts.parts where !scope.allows(placeholder) {
                throw SyntaxError("the placeholder in '\(text)' has no value here")
            }
            switch (parts.parts.count, parts.parts.first) {
            case (0, _): return .literal("")
            case (1, .literal(let literal)): return .literal(.string(literal))
            case (1, .value(let placeholder)) where parts.isBare: return .value(placeholder)
            default: return .text(TextTemplate(parts: parts.parts))
            }
        } catch {
            mistakes.report(position, error.message)
            return .literal(.null)
        }
    }

    /// Splits text at its placeholders; `isBare` when it is exactly one, written without braces.
    private static func parts(
        of text: String
    ) throws(SyntaxError) -> (parts: [TextTemplate.Part], isBare: Bool) {
        if text.first == "$", let second = text.dropFirst().first, second != "$", second != "{" {
            return ([.value(try Placeholder(text.dropFirst()))], true)
        }
        var parts: [TextTemplate.Part] = []
        var literal = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            literal += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            switch rest.first {
            case "$":
                literal += "$"
                rest = rest.dropFirst()
            case "{":
                guard let close = rest.firstIndex(of: "}") else { throw SyntaxError("'${' in '\(text)' has no '}'") }
                if !literal.isEmpty { parts.append(.literal(literal)) }
                literal = ""
                parts.append(.value(try Placeholder(rest[..<close].dropFirst())))
                rest = rest[rest.index(after: close)...]
            default:
                throw SyntaxError("'$' inside the text '\(text)': write ${name} for a value, $$ for a dollar sign")
            }
        }
        literal += rest
        if !literal.isEmpty { parts.append(.literal(literal)) }
        return (parts, false)
    }
}

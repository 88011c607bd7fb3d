import YAML

/// Reads a dialect's `stream`.
struct StreamRulesReader {
    let mistakes: Mistakes

    func rules(_ node: Node) -> StreamRules? {
        let part = DialectPart(
            node, "stream", mistakes, keys: ["ask", "partial", "index", "image", "end", "error"])
        guard node.mapping != nil else { return nil }
        guard let ask = part["ask"] else {
            mistakes.report(
                node.position, "'stream' must say what the request has in addition, like 'ask: {stream: true}'")
            return nil
        }
        guard case .object(let members) = TemplateReader(mistakes: mistakes, scope: .order).template(ask) else {
            mistakes.report(
                ask.position, "'ask' must be a mapping of what is added to the request's 'json' or 'multipart'")
            return nil
        }
        if part["end"] == nil {
            mistakes.report(
                node.position, "'stream' must say which event is the last, like 'end: image_generation.completed'")
        }
        if part["index"] != nil, part["partial"] == nil {
            part.report("index", "'index' is the number of a partial image, but no event is one: 'partial' is missing")
        }
        let error = patterns(part, "error")
        return StreamRules(
            request: members, partial: patterns(part, "partial"),
            image: patterns(part, "image"), end: patterns(part, "end"),
            error: error.isEmpty ? [Pattern("error")] : error, index: part.paths("index"))
    }

    private func patterns(_ part: DialectPart, _ key: String) -> [Pattern] { part.texts(key).map(Pattern.init) }
}

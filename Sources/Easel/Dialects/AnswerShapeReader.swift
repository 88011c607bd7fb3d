import YAML

/// Reads what a dialect says about answers: `answer` and `failures`.
struct AnswerShapeReader {
    let mistakes: Mistakes

    static let errorKeys = ["message", "code", "parameter", "request_id", "retry_after"]

    func paths(_ node: Node) -> AnswerReader.Paths {
        let part = DialectPart(
            node, "answer", mistakes,
            keys: [
                "images", "url", "b64", "revised_prompt", "order", "skip_if", "item_error", "seed", "usage",
                "request_id", "failed_if", "error",
            ])
        let paths = AnswerReader.Paths(
            images: part.paths("images"), url: part.paths("url"), base64: part.paths("b64"),
            revisedPrompt: part.paths("revised_prompt"), order: part.paths("order"), skipIf: part.conditions("skip_if"),
            itemError: error(part, "item_error"), seed: part.paths("seed"), usage: part.paths("usage"),
            requestID: part.paths("request_id"), failedIf: part.conditions("failed_if"), error: error(part, "error"))
        if !paths.images.isEmpty, paths.url.isEmpty, paths.base64.isEmpty {
            part.report(
                "images", "'images' needs 'url' or 'b64': where in each of them the image is, '.' for all of it")
        }
        if paths.images.isEmpty, !paths.url.isEmpty || !paths.base64.isEmpty {
            part.report(
                "url", "'url' and 'b64' are looked up in each of 'images', which is missing; write it like data[]")
        }
        return paths
    }

    func failures(_ node: Node) -> FailureTable {
        let notCharged = "not_charged"
        let part = DialectPart(node, "failures", mistakes, keys: FailureKind.allCases.map(\.rawValue) + [notCharged])
        var table = FailureTable()
        var owners: [FailureTable.Signal: FailureKind] = [:]
        for kind in FailureKind.allCases {
            for (signal, position) in signals(part, kind.rawValue) {
                if let other = owners[signal], other != kind {
                    mistakes.report(position, "this is listed under '\(other.rawValue)' already")
                }
                owners[signal] = kind
                table.entries.append(FailureTable.Entry(kind: kind, signal: signal))
            }
        }
        table.notCharged = signals(part, notCharged).map(\.0)
        return table
    }

    private func signals(_ part: DialectPart, _ key: String) -> [(FailureTable.Signal, Position)] {
        part.list(key).compactMap { node in
            guard let text = part.text(node, "each of '\(key)'"),
                let signal = part.reading(node.position, { () throws(SyntaxError) in try FailureTable.Signal(text) })
            else { return nil }
            return (signal, node.position)
        }
    }

    private func error(_ answer: DialectPart, _ key: String) -> AnswerReader.ErrorPaths {
        guard let part = answer.part(key, keys: Self.errorKeys) else { return AnswerReader.ErrorPaths() }
        return AnswerReader.ErrorPaths(
            message: part.paths("message"), code: part.paths("code"), parameter: part.paths("parameter"),
            requestID: part.paths("request_id"), retryAfter: part.paths("retry_after"))
    }
}

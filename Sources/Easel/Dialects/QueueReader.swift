import HTTP
import YAML

/// Reads a dialect's `queue`.
struct QueueReader {
    let mistakes: Mistakes

    func queue(_ node: Node) -> Queue? {
        let part = DialectPart(
            node, "queue", mistakes, keys: ["task", "status", "result", "cancel", "failed_if", "every"])
        let stateKeys = ["state", "waiting", "done", "failed", "cancelled", "gone"]
        if part["task"] == nil {
            mistakes.report(
                node.position, "'queue' must say where the answer has the job's id, like 'task: request_id'")
        }
        guard let status = part.part("status", keys: RequestReader.methods + ["headers"] + stateKeys) else {
            mistakes.report(
                node.position,
                "'queue' must say how to ask for the job's state, like 'status: {GET: \"/tasks/${task}\", …}'")
            return nil
        }
        if status["state"] == nil {
            mistakes.report(status.node.position, "'status' must say where the state is, like 'state: status'")
        }
        if status["done"] == nil {
            mistakes.report(status.node.position, "'status' must say which state is the end, like 'done: [COMPLETED]'")
        }
        reportContradictions(status)
        let result = part.part("result", keys: RequestReader.methods + ["headers"])
        let cancel = part.part("cancel", keys: RequestReader.methods + ["headers", "too_late"])
        guard let route = route(status) else { return nil }
        return Queue(
            task: part.paths("task"), status: route, state: status.paths("state"), done: status.texts("done"),
            waiting: status.texts("waiting"), failed: status.texts("failed"), cancelled: status.texts("cancelled"),
            gone: status.texts("gone"), failedIf: part.conditions("failed_if"), result: result.flatMap(self.route),
            cancel: cancel.flatMap(self.route), cancelledTooLate: cancel.map(tooLate) ?? [],
            interval: interval(part))
    }

    private func reportContradictions(_ status: DialectPart) {
        var seen: [String: String] = [:]
        for key in ["waiting", "done", "failed", "cancelled", "gone"] {
            for node in status.list(key) {
                guard let state = node.string?.lowercased() else { continue }
                if let other = seen[state] {
                    mistakes.report(
                        node.position, "the state '\(node.string ?? "")' is listed under '\(other)' already")
                }
                seen[state] = key
            }
        }
    }

    private func interval(_ part: DialectPart) -> Duration {
        let interval = part.value("every", like: "3s", Quantity.duration) ?? .seconds(2)
        if interval <= .zero || interval > Dialect.longestInterval {
            part.report("every", "'every' must be more than 0s and at most 60s")
        }
        return interval
    }

    private func tooLate(_ cancel: DialectPart) -> [Int] {
        cancel.list("too_late").compactMap { node in
            if let status = node.integer, (100...599).contains(status) { return Int(status) }
            mistakes.report(node.position, "'too_late' lists statuses, like [400, 409]")
            return nil
        }
    }

    /// A method and its address: an issued one with a path to fall back on, or the path alone.
    private func route(_ part: DialectPart) -> Queue.Route? {
        guard let (method, node) = RequestReader.method(part) else { return nil }
        let reader = TemplateReader(mistakes: mistakes, scope: .task)
        var issued: [AnswerPath] = []
        var path: TextTemplate?
        for alternative in node.sequence ?? [node] {
            guard let template = reader.text(alternative) else { continue }
            if case .value(.answer(let answer))? = template.parts.first, template.parts.count == 1 {
                issued.append(answer)
            } else if template.placeholders.contains(where: { if case .answer = $0 { true } else { false } }) {
                mistakes.report(
                    alternative.position, "a value of the answer can only be the whole address, like $answer.status_url"
                )
            } else {
                path = template
            }
        }
        guard let path, path.startsWithSlash else {
            mistakes.report(
                node.position,
                """
                the last address must be a path that begins with '/', for addresses that are missing or lead to \
                another host: [$answer.status_url, "/requests/${task}/status"]
                """)
            return nil
        }
        return Queue.Route(
            method: method, issued: issued, path: path, headers: RequestReader(mistakes: mistakes).headers(part))
    }
}

extension TextTemplate {
    /// Whether it is a path below a base URL.
    var startsWithSlash: Bool {
        if case .literal(let text)? = parts.first { text.hasPrefix("/") } else { false }
    }
}

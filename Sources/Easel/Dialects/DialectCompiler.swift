import YAML

/// Compiles a dialect's YAML file, or finds every mistake in it.
enum DialectCompiler {
    /// Compiles a parsed file.
    ///
    /// - Parameters:
    ///   - document: The whole file.
    ///   - name: What providers in the configuration call the dialect: the file's name without its extension.
    ///   - file: The file's name as the owner knows it, for messages.
    /// - Returns: The dialect, or all of the file's mistakes at once.
    static func compile(_ document: Node, name: String, file: String) -> Result<Dialect, MistakeList> {
        let mistakes = Mistakes(file: file)
        let dialect = DialectReader(mistakes: mistakes, name: name).dialect(document)
        guard mistakes.all.isEmpty, let dialect else {
            return .failure(MistakeList(all: mistakes.all.withoutRepetitions))
        }
        return .success(dialect)
    }
}

extension [Mistake] {
    /// What all variants share is read for each of them, but is one mistake.
    fileprivate var withoutRepetitions: [Mistake] {
        var seen: Set<Mistake> = []
        return filter { seen.insert($0).inserted }
    }
}

/// Reads the parts of a dialect and puts them together.
private struct DialectReader {
    let mistakes: Mistakes
    let name: String

    private static let variantKeys = ["operations", "request", "requests", "limits", "fill_in", "stream"]
    private static let keys =
        ["title", "page", "base_url", "renderer", "auth", "headers", "hosts"] + variantKeys
        + ["answer", "failures", "queue", "expires", "models"]

    func dialect(_ document: Node) -> Dialect? {
        let part = DialectPart(document, name, mistakes, keys: Self.keys)
        guard document.mapping != nil else { return nil }
        let renderer = part.value(
            "renderer", like: Dialect.Renderer.allCases.map(\.rawValue).listed("or"), Dialect.Renderer.init)
        let answers = AnswerShapeReader(mistakes: mistakes)
        let reader = AnswerReader(
            paths: part["answer"].map(answers.paths) ?? AnswerReader.Paths(),
            failures: part["failures"].map(answers.failures) ?? FailureTable())
        if part["answer"] == nil, renderer == nil {
            mistakes.report(
                document.position,
                "a dialect must say where its answer has the images, like 'answer: {images: \"data[]\", url: url}'")
        }
        let variants = variants(part, isDrawn: renderer != nil)
        let headers = headers(part, isDrawn: renderer != nil)
        return Dialect(
            name: name, title: part.text("title") ?? name, page: part.text("page"),
            defaultBaseURL: part.value("base_url", like: "https://api.example.com/v1", Self.baseURL),
            expires: part.value("expires", like: "24h or 7d", Quantity.duration), renderer: renderer,
            headers: headers,
            hosts: OwnHosts(patterns: part.texts("hosts").map(Pattern.init)), reader: reader,
            queue: part["queue"].flatMap(QueueReader(mistakes: mistakes).queue), variants: variants)
    }

    private func headers(_ part: DialectPart, isDrawn: Bool) -> [RequestTemplate.TextField] {
        let requests = RequestReader(mistakes: mistakes)
        let headers = requests.headers(part)
        if part["auth"]?.string == "none" || isDrawn { return headers }
        guard part["auth"] != nil else {
            part.mistakes.report(
                part.node.position,
                "a dialect must say how requests are authorized, like 'auth: {Authorization: \"Bearer ${api_key}\"}' or 'auth: none'"
            )
            return headers
        }
        return requests.headers(part, "auth") + headers
    }

    /// An absolute URL without a slash at its end.
    private static func baseURL(_ text: String) -> String? {
        guard text.hasPrefix("https://") || text.hasPrefix("http://"), !text.hasSuffix("/") else { return nil }
        return text
    }
}

// The models.
extension DialectReader {
    /// The file's own rules, after those of models that differ from them.
    private func variants(_ part: DialectPart, isDrawn: Bool) -> [Dialect.Variant] {
        var variants: [(variant: Dialect.Variant, own: Node)] = []
        for entry in part["models"]?.mapping ?? [] {
            let own = DialectPart(entry.value, "models.\(entry.key)", mistakes, keys: Self.variantKeys)
            guard own.node.mapping != nil else { continue }
            let merged = part.node.merged(with: own.node)
            variants.append((variant(merged, models: entry.key, isDrawn: isDrawn), own.node))
        }
        if let node = part["models"], node.mapping == nil {
            mistakes.report(node.position, "'models' must be a mapping of model names, in which * is any text")
        }
        if part["request"] != nil || part["requests"] != nil || variants.isEmpty {
            variants.append((variant(part.node, models: "*", isDrawn: isDrawn), part.node))
        }
        reportUnused(variants, base: part.node)
        return variants.map(\.variant)
    }

    private func variant(_ node: Node, models: String, isDrawn: Bool) -> Dialect.Variant {
        let limits = LimitsReader(mistakes: mistakes)
        let requests = requests(node, isDrawn: isDrawn)
        var variant = Dialect.Variant(
            models: Pattern(models), operations: operations(node, requests), requests: requests,
            limits: node.present("limits").map(limits.limits) ?? Limits(), fillIn: Dialect.FillIn())
        variant.limits.images = images(variant, node)
        variant.fillIn = node.present("fill_in").map { limits.fillIn($0, within: variant.limits) } ?? Dialect.FillIn()
        variant.stream = node.present("stream").flatMap { stream($0, variant) }
        reportMissing(variant, node, isDrawn: isDrawn)
        return variant
    }

    private func requests(_ node: Node, isDrawn: Bool) -> [ImageOrder.Operation: RequestTemplate] {
        let reader = RequestReader(mistakes: mistakes)
        var requests: [ImageOrder.Operation: RequestTemplate] = [:]
        let operations = ImageOrder.Operation.allCases
        switch (node.present("request"), node.present("requests")) {
        case (let request?, nil):
            let template = reader.request(request, "request", isDrawn: isDrawn)
            for operation in operations { requests[operation] = template }
        case (nil, let each?):
            let part = DialectPart(each, "requests", mistakes, keys: operations.map(\.rawValue))
            for operation in operations {
                guard let request = part[operation.rawValue] else { continue }
                requests[operation] = reader.request(request, "requests.\(operation.rawValue)", isDrawn: isDrawn)
            }
        case (_?, let each?):
            mistakes.report(
                each.position, "a dialect has either one 'request' for everything, or 'requests' for each operation")
        case (nil, nil):
            mistakes.report(
                node.position, "a dialect must say what it sends, like 'request: {POST: /images, json: {…}}'")
        }
        return requests
    }

    private func stream(_ node: Node, _ variant: Dialect.Variant) -> StreamRules? {
        if variant.requests.values.contains(where: { $0.body == .none }) {
            mistakes.report(node.position, "'stream' adds to a request's 'json' or 'multipart', and there is none")
        }
        return StreamRulesReader(mistakes: mistakes).rules(node)
    }

    private func operations(
        _ node: Node, _ requests: [ImageOrder.Operation: RequestTemplate]
    ) -> Set<ImageOrder.Operation> {
        guard let list = node.present("operations") else { return Set(requests.keys) }
        var operations: Set<ImageOrder.Operation> = []
        for node in list.sequence ?? [list] {
            guard let operation = node.string.flatMap(ImageOrder.Operation.init) else {
                mistakes.report(node.position, "'\(node.string ?? "")' is no operation; there are generate and edit")
                continue
            }
            if requests[operation] == nil, !requests.isEmpty {
                mistakes.report(node.position, "there is no request for the operation '\(operation.rawValue)'")
            }
            operations.insert(operation)
        }
        return operations
    }

    /// How many images a request has room for: as many as its limits say, or as its template names.
    private func images(_ variant: Dialect.Variant, _ node: Node) -> ClosedRange<Int> {
        var room = 0
        var isOpen = false
        variant.requests[.edit]?.forEachPlaceholder { placeholder, _ in
            switch placeholder {
            case .image(let index, _): room = max(room, index + 1)
            case .eachImage: isOpen = true
            default: break
            }
        }
        let stated = variant.limits.images
        guard let limit = node.present("limits")?.present("images") else {
            return isOpen ? stated : 0...room
        }
        if !isOpen, stated.upperBound > room, variant.operations.contains(.edit) {
            mistakes.report(
                limit.position, "'images' allows \(stated.upperBound), but the request has room for \(room)")
        }
        return stated
    }
}

// What does not fit together.
extension DialectReader {
    private func reportMissing(_ variant: Dialect.Variant, _ node: Node, isDrawn: Bool) {
        for (operation, request) in variant.requests where variant.operations.contains(operation) {
            var names: Set<String> = []
            request.forEachPlaceholder { placeholder, _ in names.formUnion(placeholder.parameterName.map { [$0] } ?? [])
            }
            let position = (node.present("request") ?? node.present("requests")?.present(operation.rawValue) ?? node)
                .position
            if !names.contains("prompt") { mistakes.report(position, "the request has no $prompt") }
            if operation == .edit, !names.contains("images"), !isDrawn {
                mistakes.report(position, "the request for 'edit' has no $image and no $images")
            }
        }
    }

    /// Limits and fill-ins of parameters that no request sends.
    private func reportUnused(_ variants: [(variant: Dialect.Variant, own: Node)], base: Node) {
        var everywhere: Set<String> = ["images", "image"]
        for (variant, own) in variants {
            var here: Set<String> = ["images", "image"]
            for request in variant.requests.values {
                request.adding(variant.stream?.request ?? []).forEachPlaceholder { placeholder, _ in
                    here.formUnion(placeholder.parameterName.map { [$0] } ?? [])
                }
            }
            everywhere.formUnion(here)
            if own != base { reportUnused(own, known: here) }
        }
        reportUnused(base, known: everywhere)
    }

    private func reportUnused(_ node: Node, known: Set<String>) {
        for key in ["limits", "fill_in"] {
            for entry in node.present(key)?.mapping ?? []
            where LimitsReader.keys.contains(entry.key) && !entry.value.isNull {
                guard !known.contains(entry.key) else { continue }
                mistakes.report(
                    entry.keyPosition,
                    "'\(entry.key)' is in '\(key)', but no request sends $\(entry.key); add it there or leave it out here"
                )
            }
        }
    }
}

extension Node {
    /// The node of a key; `nil` when it is absent or null.
    fileprivate func present(_ key: String) -> Node? { self[key].flatMap { $0.isNull ? nil : $0 } }

    /// This mapping with another's differences: mappings merge, anything else replaces, null takes away.
    ///
    /// Each limit replaces the one it differs from as a whole: half of one rule and half of another make no sense.
    fileprivate func merged(with other: Node, isDeep: Bool = true) -> Node {
        guard let entries = mapping, let differences = other.mapping else { return other }
        // One request for everything replaces requests for each operation, and the other way round.
        let replaced = differences.compactMap { ["request": "requests", "requests": "request"][$0.key] }
        var merged = entries.filter { !replaced.contains($0.key) }.compactMap { entry -> Entry? in
            guard let difference = differences.first(where: { $0.key == entry.key }) else { return entry }
            if difference.value.isNull { return nil }
            let value =
                isDeep ? entry.value.merged(with: difference.value, isDeep: entry.key != "limits") : difference.value
            return Entry(key: entry.key, keyPosition: difference.keyPosition, value: value)
        }
        merged += differences.filter { difference in
            !difference.value.isNull && !entries.contains { $0.key == difference.key }
        }
        return Node(content: .mapping(merged), position: position)
    }
}

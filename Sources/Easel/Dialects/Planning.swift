import HTTP
import JSON

/// Turns one order into one provider's requests.
struct Planner {
    private let dialect: Dialect
    private let variant: Dialect.Variant
    private let request: RequestTemplate
    private let stream: StreamRules?
    private let order: ImageOrder
    private let endpoint: ProviderEndpoint
    private let identifier: String
    /// Under which name the provider gets each parameter, by canonical names; what is not here it cannot take.
    private let natives: [String: String]
    private let placeholders: Set<Placeholder>

    /// - Throws: When the provider's model cannot do what the order is about.
    init(
        _ dialect: Dialect, _ order: ImageOrder, at endpoint: ProviderEndpoint, identifier: String
    ) throws(OrderRefusal) {
        self.dialect = dialect
        self.order = order
        self.endpoint = endpoint
        self.identifier = identifier
        variant = dialect.variant(for: endpoint.model)
        guard variant.operations.contains(order.operation), let request = variant.requests[order.operation] else {
            throw OrderRefusal(
                reason: .operation, parameter: order.operation == .edit ? "image" : nil,
                message: order.operation == .edit
                    ? "\(dialect.title) takes no input images with the model '\(endpoint.model)'."
                    : "\(dialect.title) only edits with the model '\(endpoint.model)': send an image.")
        }
        stream = variant.stream.flatMap { $0.isWanted(for: order) ? $0 : nil }
        self.request = stream.map { request.adding($0.request) } ?? request
        var natives: [String: String] = [:]
        var placeholders: Set<Placeholder> = []
        self.request.forEachPlaceholder { placeholder, native in
            placeholders.insert(placeholder)
            if let name = placeholder.parameterName { natives[name] = natives[name] ?? native }
        }
        self.natives = natives
        self.placeholders = placeholders
    }

    func plan(strict: Bool) throws(OrderRefusal) -> Plan {
        try checkPrompt()
        try checkImages()
        var report: [ParameterReport] = []
        var values = OrderValues(order, endpoint)
        let counts = counts()
        self.report(count: counts, in: &report)
        values.size = settleSize(&report)
        values.parameters = settleParameters(&report)
        if order.mask != nil, natives["mask"] == nil {
            report.append(
                ParameterReport(
                    parameter: "mask", outcome: .dropped, asked: .string("an image"),
                    note: "the provider takes no mask: anything in the image may change"))
        }
        if strict { try refuseChanges(report) }
        return try plan(counts, values, report)
    }
}

// What no provider can mend.
extension Planner {
    private func checkPrompt() throws(OrderRefusal) {
        guard let limit = variant.limits.prompt, order.prompt.count > limit else { return }
        throw OrderRefusal(
            reason: .prompt, parameter: "prompt",
            message: """
                The prompt has \(order.prompt.count) characters; \(dialect.title) takes at most \(limit). \
                Easel does not cut prompts: shorten it.
                """)
    }

    private func checkImages() throws(OrderRefusal) {
        guard order.operation == .edit else { return }
        let limits = variant.limits.images
        guard limits.contains(order.images.count) else {
            let fewest = max(limits.lowerBound, 1)
            let bound = fewest >= limits.upperBound ? "\(limits.upperBound)" : "\(fewest) to \(limits.upperBound)"
            throw OrderRefusal(
                reason: .images, parameter: "image",
                message: """
                    The order has \(order.images.count) input images; \(dialect.title) takes \(bound) \
                    with the model '\(endpoint.model)'.
                    """)
        }
        let intake = dialect.intake(for: order.operation, model: endpoint.model)
        let isMaskTaken = order.mask.map { intake.maskForms.isEmpty || intake.takesMask($0) } ?? true
        guard order.images.allSatisfy(intake.takes), isMaskTaken else {
            let form = intake.forms == [.url] ? "only as URLs" : "only as files"
            throw OrderRefusal(
                reason: .images, parameter: "image",
                message: "\(dialect.title) takes input images \(form), and this one is not available as such.")
        }
    }

    private func refuseChanges(_ report: [ParameterReport]) throws(OrderRefusal) {
        guard let change = report.first(where: { $0.outcome == .clamped || $0.outcome == .dropped }) else { return }
        let asked = change.asked.scalarText ?? "this value"
        let reason =
            switch (change.outcome, change.note) {
            case (.dropped, nil): "\(dialect.title) has no such parameter"
            case (.dropped, let note?): "\(dialect.title): \(note)"
            case (_, let note?): "\(dialect.title) would be sent \(change.sent?.scalarText ?? "nothing"), \(note)"
            case (_, nil): "\(dialect.title) would be sent \(change.sent?.scalarText ?? "nothing")"
            }
        throw OrderRefusal(
            reason: .strict, parameter: change.parameter,
            message: "'\(change.parameter)' cannot be \(asked.prefix(100)) in strict mode: \(reason).")
    }
}

// The parameters.
extension Planner {
    /// How many images each request is for: as many as the provider makes at once.
    private func counts() -> [Int] {
        let wanted = max(order.count, 1)
        let limit = variant.limits.count.upper?.int64.map { Int(clamping: max($0, 1)) } ?? wanted
        let atOnce = natives["n"] == nil ? 1 : limit
        return stride(from: 0, to: wanted, by: atOnce).map { min(atOnce, wanted - $0) }
    }

    private func report(count counts: [Int], in report: inout [ParameterReport]) {
        guard order.count > 1 else { return }
        let isRenamed = natives["n"].map { !Self.isNamed($0, "n") } ?? false
        report.append(
            ParameterReport(
                parameter: "n", outcome: counts.count > 1 || isRenamed ? .mapped : .applied, asked: .count(order.count),
                sent: natives["n"] == nil ? nil : counts.first.map(JSONValue.count),
                note: counts.count > 1 ? "\(counts.count) requests" : isRenamed ? Self.renaming(natives["n"]) : nil))
    }

    private func settleSize(_ report: inout [ParameterReport]) -> ResolvedSize? {
        let isAsked = order.size != .auto
        let resolved = variant.limits.size.resolve(isAsked ? order.size : unaskedSize)
        let values = OrderValues(order, endpoint, size: resolved)
        guard natives["size"] != nil, let resolved, let sent = values.sizeText(for: placeholders) else {
            if isAsked {
                report.append(
                    ParameterReport(
                        parameter: "size", outcome: .dropped, asked: .string(order.size.text),
                        note: natives["size"] == nil ? nil : "the provider has no sizes of that kind"))
            }
            return nil
        }
        let isSame = sent == order.size.text && Self.isNamed(natives["size"], "size")
        if isAsked || dialect.renderer == nil {
            report.append(
                ParameterReport(
                    parameter: "size",
                    // What nobody asked for cannot be refused to a strict client.
                    outcome: isSame ? .applied : resolved.isFaithful || !isAsked ? .mapped : .clamped,
                    asked: .string(order.size.text), sent: .string(sent),
                    note: isAsked ? resolved.note : "the provider needs one"))
        }
        return resolved
    }

    /// What is made without a size where there must be one: an edit keeps the shape of its image, if that is known.
    private var unaskedSize: Size {
        guard variant.fillIn.size != nil || dialect.renderer != nil, case .file(let file)? = order.images.first else {
            return variant.fillIn.size ?? .auto
        }
        return .pixels(width: file.width, height: file.height)
    }

    private func settleParameters(_ report: inout [ParameterReport]) -> [Parameter: JSONValue] {
        var values = variant.fillIn.parameters
        if variant.fillIn.randomSeed { values[.seed] = .integer(ownSeed) }
        for parameter in Parameter.allCases {
            guard let asked = order.parameters[parameter] else { continue }
            let name = parameter.rawValue
            guard let native = natives[name] else {
                report.append(ParameterReport(parameter: name, outcome: .dropped, asked: asked))
                continue
            }
            var settled = variant.limits.parameters[parameter, default: Bound()].settle(asked)
            let isRenamed = !Self.isNamed(native, name)
            if isRenamed, settled.outcome == .applied {
                settled.outcome = .mapped
                settled.note = Self.renaming(native)
            }
            values[parameter] = settled.sent
            report.append(
                ParameterReport(
                    parameter: name, outcome: settled.outcome, asked: asked, sent: settled.sent, note: settled.note))
        }
        return values
    }

    /// Whether a place in the request is a key of the canonical name.
    private static func isNamed(_ native: String?, _ name: String) -> Bool {
        native?.split(separator: ".").last.map { $0 == name } ?? false
    }

    private static func renaming(_ native: String?) -> String? { native.map { "sent as \($0)" } }

    /// The seed so much further on; after the last one the provider takes, the first.
    private func seed(_ seed: Int64, plus offset: Int) -> Int64 {
        let range = seeds
        let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        let position = UInt64(bitPattern: seed &- range.lowerBound) &+ UInt64(offset)
        return range.lowerBound &+ Int64(bitPattern: span == .max ? position : position % (span &+ 1))
    }

    /// The seeds the provider takes.
    private var seeds: ClosedRange<Int64> {
        guard case .numbers(let range)? = variant.limits.parameters[.seed]?.rule else { return 0...Int64.max }
        let lower = range.lower?.int64 ?? 0
        return lower...max(range.upper?.int64 ?? Int64.max, lower)
    }

    /// A seed that differs from call to call, of at most 31 bits: FNV-1a of the identifier.
    private var ownSeed: Int64 {
        let hash = identifier.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return seed(seeds.lowerBound, plus: Int(hash >> 33))
    }
}

// The requests.
extension Planner {
    private func plan(
        _ counts: [Int], _ values: OrderValues, _ report: [ParameterReport]
    ) throws(OrderRefusal) -> Plan {
        var plan = Plan(requests: [], imagesPerRequest: counts, seeds: [], report: report, stream: stream)
        guard dialect.renderer == nil else {
            let size = values.size?.pixels ?? SizeRule.Pixels(width: 1024, height: 1024)
            plan.seeds = [values.parameters[.seed]?.int64]
            plan.imagesPerRequest = [order.count]
            plan.drawing = Drawing(
                prompt: order.prompt, width: size.width, height: size.height, isSizeAsked: order.size != .auto,
                count: order.count, seed: values.parameters[.seed]?.int64, images: order.images.compactMap(\.file),
                mask: order.mask?.file, format: values.parameters[.outputFormat]?.string,
                quality: values.parameters[.outputCompression]?.int64.map { Int(clamping: $0) },
                isTransparent: values.parameters[.background]?.string == "transparent")
            return plan
        }
        let base = endpoint.baseURL + (try path(values))
        var values = values
        var made = 0
        let first = values.parameters[.seed]?.int64
        for count in counts {
            values.count = count
            // Each request continues where the one before it ended: the same seed twice would be the same image twice.
            let seed = made == 0 ? first : first.map { self.seed($0, plus: made) }
            if let seed, made > 0 { values.parameters[.seed] = .integer(seed) }
            plan.seeds.append(natives["seed"] == nil ? nil : seed)
            plan.requests.append(upstreamRequest(to: base, values))
            made += count
        }
        return plan
    }

    private func upstreamRequest(to base: String, _ values: OrderValues) -> UpstreamRequest {
        let body = request.body(of: values, boundary: identifier)
        var fields = dialect.fields(request.headers, values, at: endpoint)
        if let mediaType = body.mediaType { fields["Content-Type"] = mediaType }
        return UpstreamRequest(
            method: request.method, url: base + request.query(of: values), fields: fields, body: body.segments)
    }

    private func path(_ values: OrderValues) throws(OrderRefusal) -> String {
        let operation = (request.configuredPath ?? order.operation).rawValue
        if let path = endpoint.paths[operation] { return path.hasPrefix("/") ? path : "/" + path }
        guard let path = request.path?.render(values, escape: PercentEncoding.path) else {
            throw OrderRefusal(
                reason: .configuration, parameter: nil,
                message: """
                    \(dialect.title) has no path of its own for '\(operation)': \
                    the owner's configuration must say it, like 'paths: {\(operation): /\(operation)}'.
                    """)
        }
        return path
    }
}

extension Size {
    /// As clients write it.
    var text: String {
        switch self {
        case .auto: "auto"
        case .pixels(let width, let height): "\(width)x\(height)"
        case .aspect(let width, let height): "\(width):\(height)"
        case .level(let level): level
        }
    }
}

extension JSONValue {
    fileprivate static func count(_ count: Int) -> JSONValue { .integer(Int64(count)) }
}

import HTTP
import JSON

/// One order on its way to becoming one provider's requests.
struct Planning {
    private let planner: Planner
    private let form: Planner.Form
    private let order: ImageOrder
    private let identifier: String

    init(_ order: ImageOrder, on form: Planner.Form, by planner: Planner, identifier: String) {
        self.planner = planner
        self.form = form
        self.order = order
        self.identifier = identifier
    }

    private var dialect: Dialect { planner.dialect }
    private var endpoint: ProviderEndpoint { planner.endpoint }
    private var limits: Limits { planner.variant.limits }
    private var fillIn: Dialect.FillIn { planner.variant.fillIn }
    private var natives: [String: Planner.Form.Native] { form.natives }

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
extension Planning {
    private func checkPrompt() throws(OrderRefusal) {
        guard let limit = limits.prompt, order.prompt.count > limit else { return }
        throw OrderRefusal(
            reason: .prompt, parameter: "prompt",
            message: """
                The prompt has \(order.prompt.count) characters; \(dialect.title) takes at most \(limit). \
                Easel does not cut prompts: shorten it.
                """)
    }

    private func checkImages() throws(OrderRefusal) {
        guard order.operation == .edit else { return }
        let counts = limits.images
        guard counts.contains(order.images.count) else {
            let fewest = max(counts.lowerBound, 1)
            let bound = fewest >= counts.upperBound ? "\(counts.upperBound)" : "\(fewest) to \(counts.upperBound)"
            throw OrderRefusal(
                reason: .images, parameter: "image",
                message: """
                    The order has \(order.images.count) input images; \(dialect.title) takes \(bound) \
                    with the model '\(endpoint.model)'.
                    """)
        }
        let intake = planner.intake(for: order.operation)
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
extension Planning {
    /// How many images each request is for: as many as the provider makes at once.
    private func counts() -> [Int] {
        let wanted = max(order.count, 1)
        let limit = limits.count.upper?.int64.map { Int(clamping: max($0, 1)) } ?? wanted
        let atOnce = natives["n"] == nil ? 1 : limit
        return stride(from: 0, to: wanted, by: atOnce).map { min(atOnce, wanted - $0) }
    }

    private func report(count counts: [Int], in report: inout [ParameterReport]) {
        guard order.count > 1 else { return }
        let native = natives["n"]
        report.append(
            ParameterReport(
                parameter: "n", outcome: counts.count > 1 || native?.isRenamed == true ? .mapped : .applied,
                asked: .count(order.count), sent: native == nil ? nil : counts.first.map(JSONValue.count),
                note: counts.count > 1 ? "\(counts.count) requests" : native?.renaming))
    }

    private func settleSize(_ report: inout [ParameterReport]) -> ResolvedSize? {
        let isAsked = order.size != .auto
        let resolved = limits.size.resolve(isAsked ? order.size : unaskedSize)
        let values = OrderValues(order, endpoint, size: resolved)
        let native = natives["size"]
        guard let native, let resolved, let sent = values.sizeText(for: form.placeholders) else {
            if isAsked {
                report.append(
                    ParameterReport(
                        parameter: "size", outcome: .dropped, asked: .string(order.size.text),
                        note: native == nil ? nil : "the provider has no sizes of that kind"))
            }
            return nil
        }
        let isSame = sent == order.size.text && !native.isRenamed
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
        guard fillIn.size != nil || dialect.renderer != nil, case .file(let file)? = order.images.first else {
            return fillIn.size ?? .auto
        }
        return .pixels(width: file.width, height: file.height)
    }

    private func settleParameters(_ report: inout [ParameterReport]) -> [Parameter: JSONValue] {
        var values = fillIn.parameters
        if fillIn.randomSeed { values[.seed] = .integer(ownSeed) }
        for parameter in Parameter.allCases {
            guard let asked = order.parameters[parameter] else { continue }
            let name = parameter.rawValue
            guard let native = natives[name] else {
                report.append(ParameterReport(parameter: name, outcome: .dropped, asked: asked))
                continue
            }
            var settled = limits.parameters[parameter, default: Bound()].settle(asked)
            if native.isRenamed, settled.outcome == .applied {
                settled.outcome = .mapped
                settled.note = native.renaming
            }
            values[parameter] = settled.sent
            report.append(
                ParameterReport(
                    parameter: name, outcome: settled.outcome, asked: asked, sent: settled.sent, note: settled.note))
        }
        return values
    }

    /// The seed so much further on; after the last one the provider takes, the first.
    private func seed(_ seed: Int64, plus offset: Int) -> Int64 {
        let range = seeds
        let span = UInt64(bitPattern: range.upperBound &- range.lowerBound)
        let position = UInt64(bitPattern: seed &- range.lowerBound) &+ UInt64(offset)
        return range.lowerBound &+ Int64(bitPattern: span == .max ? position : position % (span &+ 1))
    }

    /// The seeds the provider takes.
    private var seeds: ClosedRange<Int64> {
        guard case .numbers(let range)? = limits.parameters[.seed]?.rule else { return 0...Int64.max }
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
extension Planning {
    private func plan(
        _ counts: [Int], _ values: OrderValues, _ report: [ParameterReport]
    ) throws(OrderRefusal) -> Plan {
        var plan = Plan(requests: [], imagesPerRequest: counts, seeds: [], report: report, stream: form.stream)
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
        let request = form.request
        let body = request.body(of: values, boundary: identifier)
        var fields = form.fields
        if let mediaType = body.mediaType { fields["Content-Type"] = mediaType }
        return UpstreamRequest(
            method: request.method, url: base + request.query(of: values), fields: fields, body: body.segments)
    }

    private func path(_ values: OrderValues) throws(OrderRefusal) -> String {
        let operation = (form.request.configuredPath ?? order.operation).rawValue
        if let path = endpoint.paths[operation] { return path.hasPrefix("/") ? path : "/" + path }
        guard let path = form.request.path?.render(values, escape: PercentEncoding.path) else {
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

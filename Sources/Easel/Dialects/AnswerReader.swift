import HTTP
import JSON

/// Reads a provider's answers by the paths of its dialect.
struct AnswerReader: Sendable, Hashable {
    /// What a dialect says about where things are; alternatives in order, the first that leads anywhere wins.
    struct Paths: Sendable, Hashable {
        var images: [AnswerPath] = []
        // In an image's own object.
        var url: [AnswerPath] = []
        var base64: [AnswerPath] = []
        var revisedPrompt: [AnswerPath] = []
        var order: [AnswerPath] = []
        var skipIf: [Condition] = []
        var itemError = ErrorPaths()
        /// In an image's own object, else in the answer.
        var seed: [AnswerPath] = []
        // In the answer.
        var usage: [AnswerPath] = []
        var requestID: [AnswerPath] = []
        var failedIf: [Condition] = []
        var error = ErrorPaths()
    }

    struct ErrorPaths: Sendable, Hashable {
        var message: [AnswerPath] = []
        var code: [AnswerPath] = []
        var parameter: [AnswerPath] = []
        var requestID: [AnswerPath] = []
        var retryAfter: [AnswerPath] = []
    }

    /// What an answer is an answer to.
    enum Stage: Sendable {
        /// Placing the order: a clear refusal bought nothing.
        case submission
        /// A question about a job that was taken: its failure may have been charged.
        case task
    }

    var paths = Paths()
    var failures = FailureTable()

    /// Most images that are taken from one answer.
    static let maximumImages = 64
    /// Longest message that is passed on, in characters.
    static let messageLimit = 1000
    /// Longest id that is passed on, in characters.
    static let requestIDLimit = 200

    /// The images of an answer; `nil` when there are none.
    func images(in answer: Answer) -> ResultImages? {
        guard (200..<300).contains(answer.status), !paths.failedIf.contains(where: { $0.holds(in: answer) }) else {
            return nil
        }
        let seed = paths.seed.integer(in: answer)
        if case .image = answer.body {
            return ResultImages(images: [ResultImage(payload: .body)], requestID: requestID(of: answer), seed: seed)
        }
        guard answer.json != nil else { return nil }
        for alternative in paths.images {
            let items = alternative.values(in: answer).prefix(Self.maximumImages)
            let results = sorted(items).map { (image: image(of: $0), item: $0) }
            let images = results.compactMap(\.image)
            guard !images.isEmpty else { continue }
            return ResultImages(
                images: images,
                failures: results.filter { $0.image == nil }.compactMap { itemFailure($0.item, in: answer) },
                requestID: requestID(of: answer), seed: seed, usage: usage(of: answer))
        }
        return nil
    }

    /// Why an answer without usable images has none; `state` is what it says about a job in a queue.
    func failure(of answer: Answer, at stage: Stage, state: String? = nil) -> ProviderFailure {
        let words = words(of: answer, state: state)
        let codes = paths.error.code.texts(in: answer) + Self.common.code.texts(in: answer)
        let isSuccess = (200..<300).contains(answer.status)
        // An item's own reason says more than the answer around it.
        if isSuccess, let failure = itemFailures(of: answer).first { return failure }
        let known = failures.kind(status: answer.status, codes: codes)
        let kind =
            known
            ?? (isSuccess
                ? (words.isProviders ? .providerError : .malformed) : FailureTable.kind(ofStatus: answer.status))
        return ProviderFailure(
            kind: kind, message: words.text, code: codes.first, parameter: parameter(of: answer),
            requestID: requestID(of: answer), status: answer.status,
            retryAfter: RetryHint.read(answer, paths: paths.error.retryAfter, message: words.text),
            boughtNothing: boughtNothing(kind, answer.status, codes, stage))
    }

    /// Whether the reason that the provider named, asked about a job, is why the job has failed.
    func namesReasonOfJob(_ answer: Answer) -> Bool {
        let codes = paths.error.code.texts(in: answer) + Self.common.code.texts(in: answer)
        return codes.contains(where: failures.isReasonOfJob)
    }

    /// Whether the provider does not charge for what ends in this state.
    func isNotCharged(_ state: String) -> Bool { failures.isNotCharged(status: 0, codes: [state]) }

    func requestID(of answer: Answer) -> String? {
        let places = [paths.error.requestID, paths.requestID, Self.common.requestID]
        return places.lazy.compactMap { $0.text(in: answer) }.first?.shortened(to: Self.requestIDLimit)
    }
}

// The images.
extension AnswerReader {
    /// The counts alone: a long string among them went to a file, and nobody could write it out again.
    private func usage(of answer: Answer) -> JSONValue? {
        paths.usage.values(in: answer).first?.replacingExternals { _ in .null }
    }

    private func sorted(_ items: some Sequence<JSONValue>) -> [JSONValue] {
        let items = items.filter { item in !paths.skipIf.contains { $0.holds(in: item) } }
        guard !paths.order.isEmpty else { return items }
        return items.enumerated().sorted { first, second in
            let keys = [first, second].map { paths.order.integer(in: $0.element) ?? .max }
            return keys[0] != keys[1] ? keys[0] < keys[1] : first.offset < second.offset
        }.map(\.element)
    }

    /// An item with a URL and base64 is one image: the base64 is here already, the address may expire.
    func image(of item: JSONValue) -> ResultImage? {
        let inline = paths.base64.values(in: item).lazy.compactMap { Self.payload($0, isInline: true) }.first
        let address = paths.url.values(in: item).lazy.compactMap { Self.payload($0, isInline: false) }.first
        guard let payload = inline ?? address else { return nil }
        return ResultImage(
            payload: payload, alternative: inline == nil ? nil : address,
            revisedPrompt: paths.revisedPrompt.text(in: item), seed: paths.seed.integer(in: item))
    }

    /// Providers put addresses where base64 belongs and data URIs where addresses do: the text itself says what it is.
    private static func payload(_ value: JSONValue, isInline: Bool) -> ResultImage.Payload? {
        switch value {
        case .external(let number): return .external(number)
        case .string(let text):
            let begins = { (scheme: String) in text.utf8.starts(with: scheme.utf8) { $0.loweredASCII == $1 } }
            if begins("http://") || begins("https://") { return .url(text) }
            return isInline || begins("data:") ? .base64(text) : .url(text)
        case .null, .bool, .integer, .double, .verbatim, .array, .object: return nil
        }
    }

    private func itemFailures(of answer: Answer) -> [ProviderFailure] {
        guard answer.json != nil else { return [] }
        return paths.images.values(in: answer).prefix(Self.maximumImages).compactMap { itemFailure($0, in: answer) }
    }

    /// What an item without an image says about it.
    private func itemFailure(_ item: JSONValue, in answer: Answer) -> ProviderFailure? {
        let codes = paths.itemError.code.texts(in: item)
        let message = paths.itemError.message.text(in: item)
        guard message != nil || !codes.isEmpty else { return nil }
        return ProviderFailure(
            kind: failures.kind(status: answer.status, codes: codes) ?? .providerError,
            message: message.map(Self.shortened) ?? "The provider made no image: \(codes.joined(separator: ", ")).",
            code: codes.first, parameter: nil, requestID: requestID(of: answer), status: answer.status,
            retryAfter: nil, boughtNothing: failures.isNotCharged(status: answer.status, codes: codes))
    }
}

// The failures.
extension AnswerReader {
    /// Whether an answer proves that nothing was made or charged.
    ///
    /// A refusal of the order itself does: the 4xx statuses, and a 503, which says that the request was not handled
    /// (RFC 9110, section 15.6.4). A success with a reason inside does when the reason is one that comes before any
    /// work. Everything else may have been bought, unless the provider's page says otherwise.
    private func boughtNothing(_ kind: FailureKind, _ status: Int, _ codes: [String], _ stage: Stage) -> Bool {
        if failures.isNotCharged(status: status, codes: codes) { return true }
        guard stage == .submission, kind != .timeout, kind != .malformed else { return false }
        switch status {
        case 408, 499: return false
        case 400..<500, 503: return true
        case 200..<300: return [.badRequest, .inputUnreachable, .authentication, .billing, .rateLimit].contains(kind)
        default: return false
        }
    }

    private func words(of answer: Answer, state: String?) -> (text: String, isProviders: Bool) {
        if case .text(let text) = answer.body, let title = Self.title(ofPage: text) {
            return ("The provider answered HTTP \(answer.status) with a web page: \(title)", false)
        }
        if (200..<300).contains(answer.status), case .text(let text) = answer.body {
            return (
                "The provider answered HTTP \(answer.status) with text that is not JSON: \(text.prefix(100))", false
            )
        }
        if let message = (paths.error.message + Self.common.message).text(in: answer) {
            return (Self.shortened(message), true)
        }
        if let state { return ("The provider gives the job's state as '\(state.prefix(100))', and no reason.", true) }
        let what =
            switch answer.body {
            case .empty: "nothing in it"
            case .image: "an image that it calls unusable"
            case .text, .json: (200..<300).contains(answer.status) ? "no image in it" : "no reason in it"
            }
        return ("The provider answered HTTP \(answer.status) with \(what).", false)
    }

    private func parameter(of answer: Answer) -> String? {
        if let parameter = paths.error.parameter.text(in: answer) { return parameter }
        // Some providers keep something else where OpenAI has the parameter, such as the request's id.
        let taken = paths.error.requestID + paths.error.code + paths.error.message
        return Self.common.parameter.filter { !taken.contains($0) }.text(in: answer)
    }

    /// The title of an HTML page, or its first words; `nil` for text that is no page.
    private static func title(ofPage text: String) -> String? {
        let start = text.prefix(200).drop { $0.isWhitespace }.lowercased()
        guard start.hasPrefix("<!doctype html") || start.hasPrefix("<html") || start.hasPrefix("<head") else {
            return nil
        }
        let page = text.prefix(20_000)
        guard let open = page.firstRange(of: "<title>"), let close = page[open.upperBound...].firstRange(of: "</title>")
        else { return "(without a title)" }
        return String(page[open.upperBound..<close.lowerBound].prefix(200))
    }

    private static func shortened(_ message: String) -> String {
        message.count > messageLimit ? message.prefix(messageLimit) + "…" : message
    }

    /// Where providers in general put these, after a dialect's own paths: objects, strings, arrays, whole bodies.
    private static let common: ErrorPaths = {
        let paths: (String) -> [AnswerPath] = { text in
            text.split(separator: " ").compactMap { try? AnswerPath(String($0)) }
        }
        return ErrorPaths(
            message: paths(
                """
                error.message error.msg error errors.message errors[0].message errors[0] detail detail.message detail[0].msg \
                detail[0] message msg error_message status_msg base_resp.status_msg status.message output.message \
                data.details ret[0] title [0].message [0].error.message [0] .
                """),
            code: paths(
                """
                error.code error.status error.type error_type code errors.code status.error_code output.code name \
                data.code detail[0].type ret[0]
                """),
            parameter: paths("error.param detail[0].loc[1]"),
            requestID: paths(
                "request_id error.request_id $header.x-request-id $header.request-id $header.x-trace-id"))
    }()
}

extension [AnswerPath] {
    /// The first whole number that any alternative leads to, also when it was written as a string.
    func integer(in answer: Answer) -> Int64? { first(\.looseInteger) { $0.values(in: answer) } }

    func integer(in value: JSONValue) -> Int64? { first(\.looseInteger) { $0.values(in: value) } }

    /// Every text that the alternatives lead to, in order.
    func texts(in answer: Answer) -> [String] { flatMap { $0.values(in: answer) }.compactMap(\.scalarText) }

    func texts(in value: JSONValue) -> [String] { flatMap { $0.values(in: value) }.compactMap(\.scalarText) }
}

extension JSONValue {
    fileprivate var looseInteger: Int64? { int64 ?? string.flatMap { Int64($0) } }
}

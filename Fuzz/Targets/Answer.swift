import CLibFuzzer
@testable import Easel
import HTTP
import JSON

extension Target {
    /// Whatever a provider answers, every dialect makes something of it: images only where the answer names them,
    /// failures with words, and jobs that survive a restart and take the key nowhere but home.
    ///
    /// The input is a line of status and dialect, header fields to an empty line, and the body; where no dialect has the
    /// name, all of them read it.
    static func answer(_ input: [UInt8]) {
        let (words, answer, files) = received(input)
        let named = words.compactMap { dialects[$0] }
        for dialect in named.isEmpty ? dialects.names.compactMap({ dialects[$0] }) : named {
            let endpoint = ProviderEndpoint(
                baseURL: dialect.defaultBaseURL ?? "https://provider.example/v1", apiKey: Secret("key"), model: "a/b")
            var task = UpstreamTask(id: "1")
            let outcome = dialect.outcome(of: answer)
            if case .queued(let queued) = outcome {
                require(dialect.queue != nil && (200..<300).contains(answer.status))
                check(queued, of: dialect, at: endpoint)
                task = queued
            }
            check(outcome, of: answer, files)
            check(dialect.progress(of: answer, for: task), of: answer, files)
            check(dialect.result(of: answer, for: task), of: answer, files)
            if case .refused(let failure) = dialect.cancellation(of: answer) { check(failure, of: answer) }
        }
    }

    private static let dialects: DialectCatalog = {
        // Swift keeps tags in the pointers of strings and enums, so LeakSanitizer does not see who holds on to them.
        __lsan_disable()
        defer { __lsan_enable() }
        guard let catalog = try? BuiltinDialects.catalog() else { fatalError("a dialect does not compile") }
        return catalog
    }()

    /// The words of the first line, the rest as the gateway would have received it, and how many files it became.
    private static func received(_ input: [UInt8]) -> (words: [String], Answer, files: Int) {
        var lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let words = String(decoding: lines.removeFirst(), as: UTF8.self).split(separator: " ").map { String($0) }
        let status = words.first.flatMap { Int($0) } ?? 200
        var fields = Fields()
        while !lines.isEmpty {
            let line = lines.removeFirst()
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { break }
            let value = String(decoding: line[line.index(after: colon)...], as: UTF8.self)
            fields.append(String(decoding: line[..<colon], as: UTF8.self), String(value.trimmingOptionalWhitespace))
        }
        let text = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        var files = 0
        let body: Answer.Body =
            if text.isEmpty {
                .empty
            } else if let type = fields["content-type"], type.hasPrefix("image/") {
                .image(mediaType: type)
            } else if let json = Target.json(text, &files) {
                .json(json)
            } else {
                .text(String(decoding: text, as: UTF8.self))
            }
        return (words, Answer(status: min(max(status, 100), 999), fields: fields, body: body), files)
    }

    private static func json(_ text: [UInt8], _ files: inout Int) -> JSONValue? {
        let limits = JSONLimits(inlineStringBytes: 24)
        var parser = JSONParser(sink: Images(), limits: limits, strictness: .forgiving)
        guard (try? parser.feed(text.span)) != nil, let value = try? parser.finish() else { return nil }
        files = parser.sink.count
        return value
    }

    /// Counts the long strings that the gateway would write to files.
    private struct Images: LongStringSink {
        private(set) var count = 0

        mutating func begin(prefix: Span<UInt8>) -> Bool { EncodedImage.isLikely(prefix) }
        mutating func append(_ piece: Span<UInt8>) {}
        mutating func end() -> Int {
            defer { count += 1 }
            return count
        }
    }
}

// What must hold.
extension Target {
    private static func check(_ progress: Progress, of answer: Answer, _ files: Int) {
        switch progress {
        case .waiting(let delay):
            if let delay { require(delay >= .zero && delay <= Dialect.longestInterval) }
        case .finished: require((200..<300).contains(answer.status))
        case .outcome(let outcome): check(outcome, of: answer, files)
        case .cancelled(let failure), .unavailable(let failure): check(failure, of: answer)
        }
    }

    private static func check(_ outcome: Outcome, of answer: Answer, _ files: Int) {
        switch outcome {
        case .queued: break
        case .failed(let failure): check(failure, of: answer)
        case .images(let result):
            require((200..<300).contains(answer.status))
            require(!result.images.isEmpty)
            require(result.images.count + result.failures.count <= AnswerReader.maximumImages)
            let strings = answer.json.map { Target.strings(in: $0) } ?? []
            for payload in result.images.flatMap({ [$0.payload] + ($0.alternative.map { [$0] } ?? []) }) {
                switch payload {
                case .url(let text), .base64(let text): require(!text.isEmpty && strings.contains(text))
                case .external(let number): require((0..<files).contains(number))
                case .body:
                    guard case .image = answer.body else { fatalError("an image in an answer that is none") }
                }
            }
            for failure in result.failures { check(failure, of: answer) }
            // The client gets it, in an answer that is written from memory.
            _ = result.usage?.encoded()
        }
    }

    private static func check(_ failure: ProviderFailure, of answer: Answer) {
        require(!failure.message.isEmpty && failure.message.count <= AnswerReader.messageLimit + 100)
        require(failure.status == answer.status)
        if let delay = failure.retryAfter { require(delay >= .zero && delay <= RetryHint.longest) }
        if failure.boughtNothing && answer.status >= 500 { require(failure.kind != .malformed) }
    }

    /// A job is written down before the first poll, and its requests carry the key.
    private static func check(_ task: UpstreamTask, of dialect: Dialect, at endpoint: ProviderEndpoint) {
        let text = task.json.encoded()
        let again = (try? JSONValue(parsing: text)).flatMap { UpstreamTask($0) }
        require(again == task, "\(task) != \(String(describing: again))")
        let requests = [
            dialect.statusRequest(for: task, at: endpoint), dialect.resultRequest(for: task, at: endpoint),
            dialect.cancelRequest(for: task, at: endpoint),
        ]
        for request in requests.compactMap(\.self) {
            require(request.url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, request.url)
            let host = Target.host(of: request.url)
            let isBase = host == Target.host(of: endpoint.baseURL)
            require(isBase || dialect.hosts.patterns.contains { $0.matches(host) }, request.url)
            require(host.utf8.allSatisfy { isHostCharacter($0) }, request.url)
        }
    }

    /// What stands between `https://` and the next delimiter, user and port included.
    private static func host(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://"), url[..<scheme.lowerBound].lowercased() == "https" else {
            fatalError("no https address: \(url)")
        }
        return url[scheme.upperBound...].prefix { !"/?#\\".contains($0) }.lowercased()
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func strings(in value: JSONValue) -> Set<String> {
        switch value {
        case .string(let text), .verbatim(let text): [text]
        case .array(let elements): elements.reduce(into: []) { $0.formUnion(strings(in: $1)) }
        case .object(let object): object.members.reduce(into: []) { $0.formUnion(strings(in: $1.value)) }
        case .null, .bool, .integer, .double, .external: []
        }
    }
}

import HTTP
import HTTPClient
import Testing

@testable import Easel
@testable import HTTPClient

/// What may happen after a paid request: every line of `Fixtures/routing/verdicts.txt`, and nothing beside it.
struct VerdictTests {
    private let tables: [String: [[String]]]

    init() throws {
        var tables: [String: [[String]]] = [:]
        var section = ""
        for line in try TestData.text("Fixtures/routing/verdicts.txt").split(separator: "\n") {
            if line.hasPrefix("[") {
                section = String(line.dropFirst().prefix { $0 != "]" })
            } else if !line.hasPrefix("#") {
                tables[section, default: []].append(line.split(separator: " ").map(String.init))
            }
        }
        self.tables = tables
    }

    private func rows(_ section: String) throws -> [[String]] { try #require(tables[section], "[\(section)]") }

    @Test(arguments: FailureKind.allCases, [true, false])
    func `an order that was stopped by request goes nowhere else, and tells nothing`(kind: FailureKind, isFree: Bool) {
        var failure = ProviderFailure(kind: kind, message: "stopped", status: 200, boughtNothing: isFree)
        failure.isCancellation = true
        let verdict = Verdict(failure)
        #expect(verdict.boughtNothing == isFree && verdict.signal == .none)
        #expect(!verdict.mayTryNextRoute)
    }

    @Test func `every code of libcurl has a meaning, by whether anything was sent`() throws {
        let rows = try rows("libcurl")
        let known = Dictionary(uniqueKeysWithValues: rows.dropLast().map { ($0[0], $0) })
        #expect(known.count == 21 && rows.last?[0] == "*")
        // CURL_LAST is 100 in libcurl 7.88; the last is none of libcurl's at all.
        for code in Array(1..<100) + [99_999] as [UInt32] {
            let row = try #require(known["\(code)"] ?? rows.last)
            let meanings = [true, false].map {
                ClientError.Kind(
                    curlCode: code, message: "", wasConnecting: $0, host: "a", connectLimit: .seconds(10)
                ).name
            }
            #expect(meanings == Array(row[2...3]), "\(row[0]) \(row[1])")
        }
    }

    @Test func `without an answer, only what reached nobody bought nothing`() throws {
        let rows = try rows("no-answer")
        for kind in ClientError.Kind.samples {
            for reached in [ClientError.Reached.no, .maybe] {
                let row = try #require(rows.first { $0[0] == kind.name && $0[1] == "\(reached)" }, "\(kind.name)")
                let error = ClientError(kind, reached: reached, request: "POST http://a/")
                let failure = ProviderFailure(error)
                let verdict = Verdict(.failure(error))
                #expect(verdict.words + ["\(failure.clientStatus)"] == Array(row[2...]), "\(row)")
                // The failure it becomes says the same of what counts.
                #expect(failure.boughtNothing == verdict.boughtNothing)
                #expect(failure.mayMoveOn == verdict.mayTryNextRoute)
            }
        }
        #expect(Set(rows.map { $0[0] }) == Set(ClientError.Kind.samples.map(\.name)))
        #expect(rows.count == ClientError.Kind.samples.count * 2)
    }

    @Test(arguments: ["status", "status-with-retry-after"])
    func `every status has a verdict, whether the dialect queues or not`(section: String) throws {
        let fields: Fields = section == "status" ? [:] : ["Retry-After": "7"]
        var seen: [Int] = []
        for row in try rows(section) {
            let ends = row[0].split(separator: "-").compactMap { Int($0) }
            for status in try #require(ends.first)...(try #require(ends.last)) {
                seen.append(status)
                let answer = Answer(status: status, fields: fields, body: .empty)
                for dialect in [Self.plain, Self.queue] {
                    guard case .failed(let failure) = try dialect.get().outcome(of: answer) else {
                        Issue.record("\(status) is no failure")
                        continue
                    }
                    let words = [failure.kind.rawValue] + Verdict(.success(.failed(failure))).words
                    #expect(words + ["\(failure.clientStatus)"] == Array(row[1...]), "HTTP \(status)")
                }
            }
        }
        #expect(section != "status" || seen == Array(100...599))
    }

    @Test func `every failure that a dialect can name has a verdict`() throws {
        let rows = try rows("failure")
        for kind in FailureKind.allCases {
            for proof in [true, false] {
                let row = try #require(rows.first { $0[0] == kind.rawValue && $0[1] == (proof ? "yes" : "no") })
                let failure = ProviderFailure(kind: kind, message: "no", status: 200, boughtNothing: proof)
                let verdict = Verdict(.success(.failed(failure)))
                #expect(verdict.words + ["\(failure.clientStatus)"] == Array(row[2...]), "\(row)")
                #expect(failure.mayMoveOn == verdict.mayTryNextRoute)
            }
        }
        #expect(rows.count == FailureKind.allCases.count * 2)
    }

    @Test func `images and tasks have been bought`() throws {
        let outcomes: [String: Outcome] = [
            "images": .images(ResultImages(images: [ResultImage(payload: .body)])),
            "queued": .queued(UpstreamTask(id: "7")),
        ]
        for row in try rows("success") {
            let outcome = try #require(outcomes[row[0]])
            #expect(Verdict(.success(outcome)).words == Array(row[1...]), "\(row)")
        }
    }

    @Test func `nothing that may have been bought is ever placed again, and clients are told not to`() throws {
        for kind in FailureKind.allCases {
            for status in 0...599 {
                for proof in [true, false] {
                    let failure = ProviderFailure(kind: kind, message: "no", status: status, boughtNothing: proof)
                    let verdict = Verdict(.success(.failed(failure)))
                    #expect(verdict.boughtNothing == proof)
                    #expect(proof || !verdict.mayTryNextRoute)
                    #expect(GatewayError(failure, provider: "p").shouldRetry == (proof ? nil : false))
                    if kind == .contentPolicy { #expect(!verdict.mayTryNextRoute) }
                }
            }
        }
    }

    private static let plain = dialect("")
    private static let queue = dialect(
        """
        queue:
          task: id
          status: {GET: "/queue/${task}", state: state, waiting: [busy], done: [ready]}

        """)

    private static func dialect(_ queue: String) -> Result<Dialect, MistakeList> {
        let text = """
            title: Plain
            auth: {Authorization: "Bearer ${api_key}"}
            operations: [generate]
            request: {POST: /make, json: {prompt: $prompt}}
            \(queue)answer: {images: "data[]", url: url}
            """
        return DialectCompiler.compile(text: Array(text.utf8), name: "plain", file: "plain.yaml")
    }
}

extension Verdict {
    /// As the table has it.
    fileprivate var words: [String] {
        [purchase.rawValue, mayTryNextRoute ? "next" : "-", signal.word]
    }
}

extension Breaker.Signal {
    fileprivate var word: String {
        switch self {
        case .healthy: "healthy"
        case .accepted: "accepted"
        case .failure: "failure"
        case .lockedOut: "lockedOut"
        case .pause(let duration): "pause(\(duration.components.seconds))"
        case .none: "none"
        }
    }
}

extension ProviderFailure {
    fileprivate var clientStatus: Int { GatewayError(self, provider: "p").status.rawValue }
}

extension ClientError.Kind {
    /// One of each case; ``name`` is where the compiler misses a new one.
    fileprivate static let samples: [Self] = [
        .cancelled, .invalidURL(""), .invalidRequest(""), .addressRefused(host: "", address: "", purpose: ""),
        .unresolvable(host: ""), .connectFailed(""), .tlsFailed(""), .timedOut(.head, limit: .seconds(1)),
        .connectionLost(""), .bodyTooLarge(limit: 1), .tooManyRedirects(limit: 1), .redirectRefused(""),
        .malformedResponse(""), .requestBodyFailed(""), .other(code: 99, ""),
    ]

    fileprivate var name: String {
        switch self {
        case .cancelled: "cancelled"
        case .invalidURL: "invalidURL"
        case .invalidRequest: "invalidRequest"
        case .addressRefused: "addressRefused"
        case .unresolvable: "unresolvable"
        case .connectFailed: "connectFailed"
        case .tlsFailed: "tlsFailed"
        case .timedOut: "timedOut"
        case .connectionLost: "connectionLost"
        case .bodyTooLarge: "bodyTooLarge"
        case .tooManyRedirects: "tooManyRedirects"
        case .redirectRefused: "redirectRefused"
        case .malformedResponse: "malformedResponse"
        case .requestBodyFailed: "requestBodyFailed"
        case .other: "other"
        }
    }
}

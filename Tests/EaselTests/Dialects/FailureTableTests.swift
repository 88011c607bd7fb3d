import HTTP
import JSON
import Testing

@testable import Easel

struct FailureTableTests {
    @Test(arguments: [
        ("*", "", true), ("*", "anything", true), ("a*c", "ac", true), ("a*c", "abbc", true), ("a*c", "ab", false),
        ("a*a", "a", false), ("*.b.*", "a.b.c", true), ("*.b.*", "a.bc", false), ("ABC", "abc", true),
        ("a", "ab", false),
        ("gpt-image-*", "GPT-image-1", true), ("a**b", "a-b", true),
    ])
    func `an asterisk stands for any text`(pattern: String, name: String, matches: Bool) {
        #expect(Pattern(pattern).matches(name) == matches)
    }

    @Test func `what says more about an answer wins`() throws {
        let table = FailureTable(entries: [
            .init(kind: .overload, signal: try .init("HTTP 429")),
            .init(kind: .rateLimit, signal: try .init("Throttling.*")),
            .init(kind: .billing, signal: try .init("Throttling.AllocationQuota")),
            .init(kind: .contentPolicy, signal: try .init("HTTP 403 Throttling.AllocationQuota")),
        ])
        #expect(table.kind(status: 429, codes: []) == .overload)
        #expect(table.kind(status: 429, codes: ["Throttling.RateQuota"]) == .rateLimit)
        #expect(table.kind(status: 429, codes: ["Throttling.AllocationQuota"]) == .billing)
        #expect(table.kind(status: 403, codes: ["throttling.allocationquota"]) == .contentPolicy)
        #expect(table.kind(status: 418, codes: ["x"]) == nil)
    }

    @Test(arguments: [
        (400, true), (401, true), (402, true), (403, true), (404, true), (408, false), (413, true), (422, true),
        (429, true), (499, false), (500, false), (502, false), (503, true), (504, false), (529, false), (302, false),
        (307, false), (200, false), (204, false),
    ])
    func `only a clear refusal of the order proves that nothing was bought`(status: Int, boughtNothing: Bool) {
        let answer = Answer(status: status, fields: [:], body: .empty)
        #expect(AnswerReader().failure(of: answer, at: .submission).boughtNothing == boughtNothing)
        #expect(!AnswerReader().failure(of: answer, at: .task).boughtNothing)
    }

    @Test(
        arguments: [
            .null, true, 0, 1.5, "", "text", [], [[]], [1, "two"], ["error": ["error": ["error": []]]],
            ["data": "text"],
            ["data": [["url": 1]]], ["data": [[]]], ["data": [["b64_json": ["x"]]]], ["error": 0],
        ] as [JSONValue])
    func `nonsense in a success is a failure that may have been charged`(json: JSONValue) throws {
        let dialect = try #require(try BuiltinDialects.catalog()["openai"])
        guard case .failed(let failure) = dialect.outcome(of: Answer(status: 200, fields: [:], body: .json(json)))
        else {
            Issue.record("this became images")
            return
        }
        #expect([.malformed, .providerError].contains(failure.kind))
        #expect(!failure.boughtNothing)
    }

    @Test(arguments: [
        (400, FailureKind.badRequest), (401, .authentication), (402, .billing), (404, .providerError),
        (405, .providerError), (413, .badRequest), (422, .badRequest), (429, .rateLimit), (500, .providerError),
        (503, .overload), (504, .timeout),
    ])
    func `a status alone says whose fault it is`(status: Int, kind: FailureKind) {
        let answer = Answer(status: status, fields: [:], body: .empty)
        #expect(AnswerReader().failure(of: answer, at: .submission).kind == kind)
    }

    @Test func `a code says more than a status`() throws {
        let reader = AnswerReader(
            paths: .init(),
            failures: FailureTable(entries: [.init(kind: .badRequest, signal: try .init("no_such_style"))]))
        let answer = Answer(status: 404, fields: [:], body: .json(["code": "no_such_style"]))
        #expect(reader.failure(of: answer, at: .submission).kind == .badRequest)
    }

    @Test(arguments: [
        (["Retry-After": "7"], 7.0), (["Retry-After": "0.5"], 0.5),
        (["retry-after-ms": "240", "Retry-After": "1"], 0.24),
        (["Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"], 60),
        (["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:50:37 GMT"], 0),
        (["Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT"], 86_400),
        (["Retry-After": "Sun, 06 Nov 1994 08:50:37 GMT"], nil), (["Retry-After": "soon"], nil),
        (["Retry-After": "nan"], nil), (["Retry-After": "-1"], nil),
    ])
    func `how long to wait is read in every form, without a clock`(fields: [String: String], seconds: Double?) {
        var answer = Answer(status: 429, fields: [:], body: .empty)
        for (name, value) in fields { answer.fields[name] = value }
        #expect(RetryHint.read(answer, paths: [], message: "") == seconds.map { Duration.seconds($0) })
    }

    @Test func `a provider's words are shortened, never repeated at any length`() {
        let answer = Answer(
            status: 400, fields: [:], body: .json(["message": .string(String(repeating: "x", count: 50_000))]))
        #expect(AnswerReader().failure(of: answer, at: .submission).message.count <= AnswerReader.messageLimit + 1)
    }
}

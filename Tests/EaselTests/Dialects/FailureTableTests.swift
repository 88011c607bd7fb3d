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

    @Test func `a provider's words are shortened, never repeated at any length`() {
        let answer = Answer(
            status: 400, fields: [:], body: .json(["message": .string(String(repeating: "x", count: 50_000))]))
        #expect(AnswerReader().failure(of: answer, at: .submission).message.count <= AnswerReader.messageLimit + 1)
    }
}

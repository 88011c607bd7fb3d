import HTTP
import JSON
import Testing

@testable import Easel

struct QueueTests {
    @Test(arguments: [
        ("https://api.example.com/v1/jobs/1", "https://api.example.com/v1/jobs/1"),
        ("HTTPS://API.example.com/a%2Fb?x=%2B", "HTTPS://API.example.com/a%2Fb?x=%2B"),
        ("/jobs/1", "https://api.example.com/jobs/1"),
        ("jobs/1", "https://api.example.com/v1/jobs/1"),
        ("https://eu.own.example/x", "https://eu.own.example/x"),
        ("https://own.example/x", nil),
        ("http://api.example.com/v1/jobs/1", nil),
        ("http://eu.own.example/x", nil),
        ("https://eu.own.example:8443/x", nil),
        ("https://evil.example/x", nil),
        ("https://api.example.com.evil.example/x", nil),
        ("https://api.example.com@evil.example/x", nil),
        ("https://evil.example\\@api.example.com/x", nil),
        ("https://evil.example/.own.example/x", nil),
        ("https://x@eu.own.example/x", nil),
        ("//evil.example/x", nil),
        ("https://api.example.com/ x", nil),
        ("https://api.example.com/\r\nX-Evil: 1", nil),
        ("file:///etc/passwd", nil),
        ("javascript:alert(1)", nil),
    ])
    func `the key follows an address only to the provider's own hosts`(address: String, expected: String?) {
        let hosts = OwnHosts(patterns: [Pattern("*.own.example")])
        #expect(hosts.resolve(address, against: "https://api.example.com/v1") == expected)
    }

    @Test func `a task survives the ledger`() {
        let task = UpstreamTask(id: "1", statusURL: "https://h/s", resultURL: nil, cancelURL: "https://h/c")
        #expect(UpstreamTask(task.json) == task)
        #expect(UpstreamTask(["id": 1]) == nil)
    }

    @Test(arguments: ["", ".", "..", String(repeating: "x", count: 513)])
    func `an id that cannot be part of an address is no job`(id: String) throws {
        let dialect = try #require(try BuiltinDialects.catalog()["seaart"])
        let answer = Answer(status: 200, fields: [:], body: .json(["request_id": .string(id)]))
        guard case .failed(let failure) = dialect.outcome(of: answer) else {
            Issue.record("'\(id)' became a job")
            return
        }
        #expect(failure.kind == .malformed)
        #expect(!failure.boughtNothing)
    }
}

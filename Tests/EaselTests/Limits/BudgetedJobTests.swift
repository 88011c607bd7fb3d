import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// What budgets make of real jobs: what is reserved before a provider hears of them, and what is settled after.
@Suite(.onEventLoop)
struct BudgetedJobTests {
    @EventLoop private func key(_ parts: Parts, _ budget: String?, unknownPrices: Bool? = nil) async throws -> (
        record: KeyRecord, key: Secret
    ) {
        var limits = KeyLimits(unknownPrices: unknownPrices)
        if let budget { limits.budget = try #require(Budget(budget)) }
        return try await parts.ledger.createKey(name: "a", models: nil, limits: limits, at: parts.clock.now)
    }

    @EventLoop private func order(_ parts: Parts, _ key: Secret, _ body: String) async throws -> Response {
        try await parts.send(
            .post, "/v1/images/generations", key: key, fields: ["content-type": "application/json"],
            body: Array(body.utf8))
    }

    private func spending(_ parts: Parts, _ key: KeyRecord) async throws -> Spending? {
        try await parts.ledger.spending(of: key.id, at: parts.clock.now)[.total]
    }

    private func spending(_ spent: String, reserved: String = "0") -> Spending {
        Spending(spent: Money(spent) ?? Money(microunits: -1), reserved: Money(reserved) ?? Money(microunits: -1))
    }

    private let table = "{image: 0.1, table: {\"8x8\": 0.03, high: 0.5}}"

    @Test(
        arguments: [
            (#"{"prompt": "x", "n": 2}"#, "1.00", "0.06"), (#"{"prompt": "x", "n": 2, "size": "8x8"}"#, "0.06", "0.06"),
            (#"{"prompt": "x", "n": 2, "size": "4x3"}"#, "1.00", "0.06"),
            (#"{"prompt": "x", "n": 2, "quality": "low"}"#, "0.20", "0.06"),
        ])
    @EventLoop func `the most is reserved while the provider works, and the images themselves are paid`(
        body: String, most: String, cost: String
    ) async throws {
        let (seen, folder) = (Promise<Spending?>(), TemporaryFolder())
        let provider = try FakeProvider { _ in
            let ledger = try? Ledger(folder: folder.path)
            let key = try? await ledger?.keys().first
            let spending = try? await ledger?.spending(of: key?.id ?? "", at: ManualClock().now)
            seen.fulfil(spending?[.total])
            await ledger?.close()
            return .images(png(filler: "a"), png(filler: "b"))
        }
        let parts = try Parts(Parts.routes(provider.url, price: table), in: folder)
        let (record, key) = try await key(parts, "5/day")
        let answer = try await order(
            parts, key, body.replacing("{\"prompt\"", with: "{\"model\": \"otter\", \"prompt\""))
        #expect(answer.status == .ok)
        #expect(seen.value == spending("0", reserved: most))
        #expect(try await spending(parts, record) == spending(cost))
        #expect(try await parts.ledger.jobs(limit: 1).first?.cost == Money(cost))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a request that the budget does not pay for reaches no provider`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url, price: "0.03"))
        let (record, key) = try await key(parts, "0.05/month")
        let body = #"{"model": "otter", "prompt": "x"}"#
        #expect(try await order(parts, key, body).status == .ok)
        let refusal = try await order(parts, key, body)
        #expect(refusal.status == .tooManyRequests)
        #expect(refusal.fields["x-should-retry"] == "false")
        // From 2026-11-21T08:00:00Z to the first of December.
        #expect(refusal.fields["retry-after"] == "\(9 * 86_400 + 16 * 3600)")
        let error = try JSONValue(parsing: try await refusal.bytes())["error"]
        #expect(error?["type"] == "insufficient_quota" && error?["code"] == "insufficient_quota")
        #expect(
            error?["message"]?.string == """
                You exceeded your current quota: this key may spend 0.05 USD a month, of which 0.03 is spent or reserved by \
                running jobs, and this request can cost 0.03. The next month begins at 2026-12-01T00:00:00.000Z.
                """)
        #expect(provider.calls.count == 1)
        #expect(try await spending(parts, record) == spending("0.03"))

        parts.clock.advance(by: .seconds(10 * 86_400))
        #expect(try await order(parts, key, body).status == .ok)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a total that is used up is not worth waiting for`() async throws {
        let parts = try Parts(Parts.routes("http://127.0.0.1:1", price: "0.03"))
        let (_, key) = try await key(parts, "0/total")
        let refusal = try await order(parts, key, #"{"model": "otter", "prompt": "x"}"#)
        #expect(refusal.status == .tooManyRequests)
        #expect(refusal.fields["retry-after"] == nil)
        #expect(refusal.fields["x-should-retry"] == "false")
        await parts.close()
    }

    @Test @EventLoop func `a provider that sold nothing leaves nothing reserved`() async throws {
        let provider = try FakeProvider { _ in .failure(401) }
        let parts = try Parts(Parts.routes(provider.url, price: "0.03"))
        let (record, key) = try await key(parts, "0.05/day")
        #expect(try await order(parts, key, #"{"model": "otter", "prompt": "x"}"#).status == .badGateway)
        #expect(provider.calls.count == 1)
        #expect(try await spending(parts, record) == spending("0"))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `what may have been charged counts as charged`() async throws {
        let provider = try FakeProvider { _ in .failure(500) }
        let parts = try Parts(Parts.routes(provider.url, price: "0.03"))
        let (record, key) = try await key(parts, "1/day")
        _ = try await order(parts, key, #"{"model": "otter", "prompt": "x", "n": 2}"#)
        #expect(try await parts.ledger.jobs(limit: 1).first?.state == .unknown)
        #expect(try await spending(parts, record) == spending("0.06"))
        await provider.stop()
        await parts.close()
    }

    @Test(
        arguments: [
            (nil, nil, [1, 0], "p0"), ("1/day", nil, [0, 1], "p1"), ("1/day", true, [1, 0], "p0"),
            (nil, false, [0, 1], "p1"),
        ] as [(String?, Bool?, [Int], String)])
    @EventLoop func `routes without a price are for keys that may use them`(
        budget: String?, unknownPrices: Bool?, calls: [Int], provider: String
    ) async throws {
        let providers = try [FakeProvider { _ in .images(png()) }, FakeProvider { _ in .images(png()) }]
        let file = Parts.routes(providers[0].url, providers[1].url, price: "0.03")
        let parts = try Parts(file.replacing("{provider: p0, price: 0.03}", with: "{provider: p0}"))
        let (record, key) = try await key(parts, budget, unknownPrices: unknownPrices)
        let answer = try await order(parts, key, #"{"model": "otter", "prompt": "x"}"#)
        #expect(answer.status == .ok)
        #expect(providers.map(\.calls.count) == calls)
        #expect(try await parts.ledger.job(answer.fields["x-request-id"] ?? "")?.attempts.map(\.provider) == [provider])
        // Where nobody knows the cost, what the other route would have cost stays reserved.
        #expect(try await spending(parts, record) == spending("0.03"))
        for provider in providers { await provider.stop() }
        await parts.close()
    }

    @Test @EventLoop func `a model without any price is refused with the way out`() async throws {
        let parts = try Parts(Parts.routes("http://127.0.0.1:1", price: nil))
        let (_, key) = try await key(parts, "1/day")
        let refusal = try await order(parts, key, #"{"model": "otter", "prompt": "x"}"#)
        #expect(refusal.status == .forbidden)
        #expect(refusal.fields["x-should-retry"] == "false")
        let error = try JSONValue(parsing: try await refusal.bytes())["error"]
        #expect(error?["code"] == "price_unknown" && error?["param"] == "model")
        #expect(try await parts.ledger.jobs(limit: 1).isEmpty)
        await parts.close()
    }

    @Test @EventLoop func `jobs are shown with an empty purse`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url, price: "0.03"))
        let (_, key) = try await key(parts, "0.03/total")
        let answer = try await order(parts, key, #"{"model": "otter", "prompt": "x"}"#)
        let id = try #require(answer.fields["x-request-id"])
        #expect(try await parts.send(.get, "/v1/images/jobs/\(id)", key: key).status == .ok)
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .ok)
        await provider.stop()
        await parts.close()
    }
}

import HTTP
import Support
import Testing

@testable import Easel

struct RouteOrderTests {
    private func routes(_ weights: Int?...) -> [Configuration.Route] {
        weights.enumerated().map { Configuration.Route(provider: "p\($0)", model: "m", weight: $1) }
    }

    private func order(
        _ routes: [Configuration.Route], pauses: [String: Duration] = [:], seed: Int = 1
    ) -> RouteOrder {
        var random = SeededGenerator(seed: seed)
        return RouteOrder(routes, pauses: { pauses[$0] }, using: &random)
    }

    @Test(arguments: 0..<20) func `without weights the order of the file counts`(seed: Int) {
        #expect(order(routes(nil, nil, nil), seed: seed).routes.map(\.provider) == ["p0", "p1", "p2"])
    }

    @Test func `with weights each goes first in proportion, and the others follow in the order of the file`() {
        var random = SeededGenerator(seed: 7)
        var firsts: [String: Int] = [:]
        for _ in 0..<10_000 {
            let order = RouteOrder(routes(6, 3, 1, 0), pauses: { _ in nil }, using: &random).routes.map(\.provider)
            firsts[order[0], default: 0] += 1
            #expect(Array(order.dropFirst()) == order.dropFirst().sorted())
            #expect(order.count == 4)
        }
        #expect((5800...6200).contains(firsts["p0"] ?? 0))
        #expect((2800...3200).contains(firsts["p1"] ?? 0))
        #expect((880...1120).contains(firsts["p2"] ?? 0))
        #expect(firsts["p3"] == nil, "a weight of 0 only stands in")
    }

    @Test func `the same seed draws the same`() {
        let draws = (0..<2).map { _ in (0..<50).map { order(routes(1, 1), seed: $0).routes[0].provider } }
        #expect(draws[0] == draws[1])
        #expect(Set(draws[0]).count == 2)
    }

    @Test(arguments: 0..<20) func `a provider that is left alone comes last, whatever its weight`(seed: Int) {
        let order = order(routes(100, 1, nil), pauses: ["p0": .seconds(9)], seed: seed)
        #expect(order.routes.map(\.provider) == ["p1", "p2", "p0"])
        #expect(order.pause == nil)
    }

    @Test func `when all are left alone, the first to come back says when to try again`() {
        let order = order(routes(nil, nil), pauses: ["p0": .seconds(9), "p1": .seconds(4)])
        #expect(order.pause == .seconds(4))
        #expect(order.routes.count == 2)
        let error = GatewayError.providersPaused(model: "otter", for: .seconds(4))
        #expect(error.status == .serviceUnavailable && error.retryAfter == .seconds(4))
    }

    @Test func `weights that no configuration has do no harm`() {
        #expect(order(routes(-1, 0)).routes.count == 2)
        #expect(order(routes(.max, .max)).routes.count == 2)
        #expect(order([]).routes.isEmpty)
    }
}

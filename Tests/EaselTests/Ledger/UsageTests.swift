import Testing

@testable import Easel

struct UsageTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()

    /// Four keys' worth of jobs over four days, with prices that a floating-point sum gets wrong.
    private func filled() async throws -> Ledger {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let keys = try await ["ana", "ben"].asyncMap { try await ledger.anyKey($0) }
        for index in 0..<40 {
            let moment = clock.now + .seconds(86_400 / 10 * index)
            let isPriced = index % 5 != 0
            try await ledger.addJob(
                RequestID.make(at: moment), key: keys[index % 2], model: index % 4 < 2 ? "otter" : "seal",
                provider: index < 30 ? "modelverse" : "seaart", state: index % 10 == 3 ? .failed : .done,
                blobs: [.example("\(index)", length: 1000 + index)],
                cost: isPriced ? Money(microunits: 33_333 + Int64(index)) : nil, at: moment)
        }
        return ledger
    }

    @Test(arguments: UsageGrouping.allCases)
    func `the groups add up to the rows, to the millionth`(grouping: UsageGrouping) async throws {
        let ledger = try await filled()
        let rows = try await ledger.usage(by: grouping, since: clock.now - .seconds(60))
        let jobs = try await ledger.jobs(limit: 100)
        #expect(rows.reduce(0) { $0 + $1.jobs } == 40)
        #expect(rows.reduce(0) { $0 + $1.done } == jobs.count { $0.state == .done })
        #expect(rows.reduce(0) { $0 + $1.images } == 40)
        #expect(rows.reduce(0) { $0 + $1.imageLength } == jobs.reduce(0) { $0 + $1.imageLength })
        #expect(rows.reduce(0) { $0 + $1.unpriced } == 8)
        let cost = jobs.reduce(0 as Int64) { $0 + ($1.cost?.microunits ?? 0) }
        #expect(rows.reduce(0 as Int64) { $0 + $1.cost.microunits } == cost)
        await ledger.close()
    }

    @Test func `groups carry the names people know`() async throws {
        let ledger = try await filled()
        let since = clock.now - .seconds(60)
        #expect(Set(try await ledger.usage(by: .key, since: since).map(\.group)) == ["ana", "ben"])
        #expect(Set(try await ledger.usage(by: .model, since: since).map(\.group)) == ["otter", "seal"])
        #expect(try await ledger.usage(by: .provider, since: since).map(\.group) == ["modelverse", "seaart"])
        let days = try await ledger.usage(by: .day, since: since)
        #expect(days.map(\.group) == ["2026-11-21", "2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"])
        #expect(days.map(\.jobs) == [7, 10, 10, 10, 3])
        await ledger.close()
    }

    @Test func `only jobs since the moment count`() async throws {
        let ledger = try await filled()
        let rows = try await ledger.usage(by: .model, since: clock.now + .seconds(86_400 * 2))
        #expect(rows.reduce(0) { $0 + $1.jobs } == 20)
        #expect(try await ledger.usage(by: .model, since: clock.now + .seconds(86_400 * 40)).isEmpty)
        await ledger.close()
    }
}

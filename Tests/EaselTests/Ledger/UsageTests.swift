import Support
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
        let keys = try await ledger.usage(by: .key, since: since)
        #expect(Set(keys.map(\.name)) == ["ana", "ben"])
        #expect(keys.map(\.group).sorted() == (try await ledger.keys().map(\.id).sorted()))
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

    @Test func `two keys of one name are two`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        for _ in 0..<2 {
            try await ledger.addJob(RequestID.make(at: clock.now), key: try await ledger.anyKey("twin"))
        }
        #expect(try await ledger.usage(by: .key, since: clock.now - .seconds(60)).map(\.jobs) == [1, 1])
        await ledger.close()
    }

    @Test(arguments: [1, 2, 3, 4]) func `over any history the groups add up to the rows`(
        seed: Int
    ) async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        var random = SeededGenerator(seed: seed)
        let (start, keys) = (clock.now, [try await ledger.anyKey("a"), try await ledger.anyKey("b")])
        for number in 0..<250 {
            clock.advance(by: .seconds(Int.random(in: 0..<7200, using: &random)))
            let id = RequestID.make(at: clock.now)
            guard !number.isMultiple(of: 9) else {
                // One under way, which has cost nothing yet and may never have got to a provider.
                let job = JobRecord.example(id, key: keys[0].id, at: clock.now)
                try await ledger.accept(job, Bool.random(using: &random) ? .example(id) : nil)
                continue
            }
            let state = JobState.allCases.filter(\.isFinished).randomElement(using: &random) ?? .done
            try await ledger.addJob(
                id, key: keys[Int.random(in: 0...1, using: &random)],
                model: "m\(Int.random(in: 0...4, using: &random))",
                provider: "p\(Int.random(in: 0...2, using: &random))", state: state,
                blobs: [.example("\(number % 50)", length: Int.random(in: 1...9999, using: &random))],
                cost: number.isMultiple(of: 5) ? nil : Money(microunits: .random(in: 0...9_999_999, using: &random)),
                at: clock.now)
        }
        for since in [start, start + .seconds(86_400), clock.now - .seconds(3600)] {
            let jobs = try await ledger.jobs(limit: 1000).filter { $0.id >= RequestID.lowest(at: since) }
            let cost = jobs.reduce(0 as Int64) { $0 + ($1.cost?.microunits ?? 0) }
            for grouping in UsageGrouping.allCases {
                let rows = try await ledger.usage(by: grouping, since: since)
                #expect(rows.reduce(0 as Int64) { $0 + $1.cost.microunits } == cost, "\(grouping)")
                #expect(rows.reduce(0) { $0 + $1.jobs } == jobs.count)
                #expect(rows.reduce(0) { $0 + $1.done } == jobs.count { $0.state == .done })
                #expect(rows.reduce(0) { $0 + $1.images } == jobs.reduce(0) { $0 + $1.images })
                #expect(rows.reduce(0) { $0 + $1.imageLength } == jobs.reduce(0) { $0 + $1.imageLength })
                #expect(rows.reduce(0) { $0 + $1.unpriced } == jobs.count { $0.cost == nil })
                #expect(Set(rows.map(\.group)).count == rows.count)
            }
        }
        await ledger.close()
    }
}

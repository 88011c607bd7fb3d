import SQLite
import Support
import Testing

@testable import Easel

/// Budgets are reserved, then settled: nothing a key has agreed to may ever be more than its owner allows.
struct SpendingTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()

    private func money(_ text: String) -> Money { Money(text) ?? Money(microunits: -1) }

    private func key(_ ledger: Ledger, _ budget: String?) async throws -> KeyRecord {
        var limits = KeyLimits()
        if let budget { limits.budget = try #require(Budget(budget)) }
        return try await ledger.createKey(name: "a", models: nil, limits: limits, at: clock.now).record
    }

    private func job(_ number: Int, _ key: KeyRecord, _ most: String?, at moment: Timestamp? = nil) -> JobRecord {
        var job = JobRecord.example("req_\(number)", key: key.id, at: moment ?? clock.now)
        job.reserved = most.map(money)
        return job
    }

    /// Ends a job with what it has cost, as often as is said.
    private func end(
        _ job: JobRecord, _ ledger: Ledger, cost: String?, state: JobState = .done, times: Int = 1
    ) async throws {
        var job = job
        (job.state, job.cost, job.finishedAt) = (state, cost.map(money), clock.now)
        for _ in 0..<times { try await ledger.finish(job, nil, images: []) }
    }

    private func spending(
        _ key: KeyRecord, _ ledger: Ledger, at moment: Timestamp? = nil, _ period: Budget.Period = .day
    ) async throws -> Spending? {
        try await ledger.spending(of: key.id, at: moment ?? clock.now)[period]
    }

    @Test func `what a job can cost is reserved, and gives way to what it has cost`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, nil)
        let job = job(1, key, "0.30")
        try await ledger.accept(job, .example(job.id))
        #expect(try await spending(key, ledger) == Spending(spent: money("0"), reserved: money("0.3")))
        try await end(job, ledger, cost: "0.1")
        #expect(try await spending(key, ledger) == Spending(spent: money("0.1"), reserved: money("0")))
        await ledger.close()
    }

    @Test(
        arguments: [
            (.done, "0.25", "0.25"), (.failed, "0", "0"), (.cancelled, "0", "0"), (.unknown, nil, "0.3"),
            (.done, nil, "0.3"), (.done, "0.4", "0.4"),
        ] as [(JobState, String?, String)])
    func `a job counts what it has cost, and what it can have cost where nobody knows`(
        state: JobState, cost: String?, spent: String
    ) async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "1/day")
        let job = job(1, key, "0.30")
        try await ledger.accept(job, .example(job.id))
        try await end(job, ledger, cost: cost, state: state)
        #expect(try await spending(key, ledger) == Spending(spent: money(spent), reserved: money("0")))
        await ledger.close()
    }

    @Test func `a job that ends again is not settled again, and stays as it ended`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "1/day")
        let job = job(1, key, "0.30")
        try await ledger.accept(job, .example(job.id))
        try await end(job, ledger, cost: "0.1", times: 3)
        try await end(job, ledger, cost: "0.2", state: .failed)
        #expect(try await spending(key, ledger) == Spending(spent: money("0.1"), reserved: money("0")))
        #expect(try await ledger.job(job.id)?.job.cost == money("0.1"))
        #expect(try await ledger.job(job.id)?.job.state == .done)
        await ledger.close()
    }

    @Test func `a job that would pass the budget is not accepted, and leaves no trace`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "1/month")
        try await ledger.accept(job(1, key, "0.6"), nil)
        let refusal = BudgetExceeded(
            period: .month, budget: money("1"), used: money("0.6"), wanted: money("0.400001"),
            resetsAt: Day("2026-12-01")?.start)
        await #expect(throws: refusal) { try await ledger.accept(job(2, key, "0.400001"), .example("req_2")) }
        #expect(try await ledger.job("req_2") == nil)
        #expect(try await spending(key, ledger) == Spending(spent: money("0"), reserved: money("0.6")))
        try await ledger.accept(job(3, key, "0.4"), nil)
        await ledger.close()
    }

    @Test func `what costs nothing can be had with an empty purse`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "0/total")
        try await ledger.accept(job(1, key, "0"), nil)
        try await ledger.accept(job(2, key, nil), nil)
        await #expect(throws: BudgetExceeded.self) { try await ledger.accept(job(3, key, "0.000001"), nil) }
        await ledger.close()
    }

    @Test func `each period counts its own days`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "1/day,2/month,2.5/total")
        let days = try ["2026-11-29", "2026-11-30", "2026-12-01"].map { try #require(Day($0)).start + .seconds(60) }
        for (number, day) in days.prefix(2).enumerated() {
            try await ledger.accept(job(number, key, "1", at: day), nil)
        }
        func refusal(_ number: Int, _ most: String, at day: Timestamp) async -> Budget.Period? {
            do { try await ledger.accept(job(number, key, most, at: day), nil) } catch {
                return (error as? BudgetExceeded)?.period
            }
            return nil
        }
        #expect(await refusal(2, "0.1", at: days[1]) == .day)
        #expect(await refusal(3, "0.5", at: days[2]) == nil)
        #expect(await refusal(4, "0.1", at: days[2]) == .total)
        #expect(try await spending(key, ledger, at: days[2], .day)?.reserved == money("0.5"))
        #expect(try await spending(key, ledger, at: days[1], .month)?.reserved == money("2.5"), "no earlier month")
        #expect(try await spending(key, ledger, at: days[2], .total)?.reserved == money("2.5"))
        await ledger.close()
    }

    @Test func `a hundred at once against the last euro are as many as it pays`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await key(ledger, "1/total")
        let jobs = (0..<100).map { job($0, key, "0.03") }
        let accepted = await withTaskGroup(of: Bool.self) { group in
            for job in jobs {
                group.addTask {
                    do { try await ledger.accept(job, .example(job.id)) } catch { return false }
                    return true
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 33)
        #expect(try await spending(key, ledger)?.reserved == money("0.99"))
        await ledger.close()
    }

    @Test func `reservations outlive the process, until their jobs end`() async throws {
        var ledger = try Ledger(folder: folder.path)
        let key = try await key(ledger, "1/total")
        let job = job(1, key, "0.8")
        try await ledger.accept(job, nil)
        await ledger.close()
        ledger = try Ledger(folder: folder.path)
        await #expect(throws: BudgetExceeded.self) { try await ledger.accept(self.job(2, key, "0.3"), nil) }
        let story = try #require(try await ledger.unfinished().first)
        #expect(story.job.reserved == money("0.8"))
        try await end(story.job, ledger, cost: "0", state: .failed)
        try await ledger.accept(self.job(3, key, "0.3"), nil)
        await ledger.close()
    }

    @Test(arguments: [1, 2, 3]) func `over any history, spending is what the rows of the jobs add up to`(
        seed: Int
    ) async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        var random = SeededGenerator(seed: seed)
        var keys: [KeyRecord] = []
        for budget in ["3/day,20/month", "9/total", nil] { keys.append(try await key(ledger, budget)) }
        var running: [JobRecord] = []
        for number in 0..<400 {
            clock.advance(by: .seconds(Int.random(in: 0..<9000, using: &random)))
            if let index = running.indices.randomElement(using: &random), Bool.random(using: &random) {
                let job = running.remove(at: index)
                // Never more than was reserved: then no budget may ever be passed.
                let cost = job.reserved.map { Money(microunits: .random(in: 0...$0.microunits, using: &random)) }
                var ended = job
                (ended.state, ended.finishedAt) = (JobState.done, clock.now)
                ended.cost = number.isMultiple(of: 7) ? nil : cost
                for _ in 0...(number % 2) { try await ledger.finish(ended, nil, images: []) }
            } else if let key = keys.randomElement(using: &random) {
                var job = job(number, key, nil)
                if !number.isMultiple(of: 11) {
                    job.reserved = Money(microunits: .random(in: 0...999_999, using: &random))
                }
                do { try await ledger.accept(job, nil) } catch is BudgetExceeded { continue }
                running.append(job)
            }
            for key in keys {
                let spending = try await ledger.spending(of: key.id, at: clock.now)
                for (period, amount) in key.limits.budget.lines {
                    #expect(spending[period]?.total ?? amount <= amount)
                }
            }
        }
        for key in keys {
            let total = try await spending(key, ledger, .total)
            #expect(try await ledger.number(Self.reserved(by: key)).map(Money.init(stored:)) == total?.reserved)
            #expect(try await ledger.number(Self.spent(by: key)).map(Money.init(stored:)) == total?.spent)
        }
        await ledger.close()
    }

    private static func reserved(by key: KeyRecord) -> String {
        "SELECT coalesce(sum(reserved), 0) FROM jobs WHERE key_id = '\(key.id)' AND finished_at IS NULL"
    }

    private static func spent(by key: KeyRecord) -> String {
        """
        SELECT coalesce(sum(coalesce(cost, reserved, 0)), 0) FROM jobs
        WHERE key_id = '\(key.id)' AND finished_at IS NOT NULL
        """
    }
}

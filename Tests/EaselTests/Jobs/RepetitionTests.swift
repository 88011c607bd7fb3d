import Crypto
import Testing

@testable import Easel

struct RepetitionTests {
    private static let now = ManualClock().now
    private static let fingerprint = SHA256.digest(of: "an otter")

    /// A table of cases that reads aloud: each line a retry count, the earlier jobs, and what the request is to them.
    ///
    /// A job is its id (older ones first), its state (`running`, `done` or `free`), minutes since its end, and `owed`,
    /// `replaced` or `try N` where that is so.
    private static let cases = """
        a first retry of nothing that is known                   | 1 |                                           | new
        the job is under way                                     | 1 | a running                                 | same a
        the job is done                                          | 1 | a done 0                                  | same a
        the job has bought nothing                               | 1 | a free 0                                  | new a
        the job was done too long ago                            | 1 | a done 16                                 | new
        the job began long ago and is under way                  | 1 | a running 90                              | same a
        whose client left, before one under way                  | 1 | a running, b running owed                 | same b
        whose client left, the oldest first                      | 1 | a running owed, b running owed            | same a
        whose client left, done or not                           | 1 | a running owed, b done 0 owed             | same a
        nobody buys while there is something to give             | 1 | a free 0 owed, b done 0 owed              | same b
        nobody buys while there is something to give, 2          | 1 | a free 0 owed, b running owed             | same b
        the client of one that bought nothing left               | 1 | a done 5, b free 0 owed                   | new b
        whose client left too long ago                           | 1 | a done 16 owed, b running                 | same b
        under way before done                                    | 1 | a done 0, b running                       | same b
        under way before done, 2                                 | 1 | a running, b done 0                       | same a
        another retry is there already                           | 1 | a running try 1, b running                | same b
        other retries are everywhere                             | 1 | a running try 1, b running try 1          | same a
        the second retry follows the first                       | 2 | a running, b running try 1                | same b
        the third retry follows the second                       | 3 | a running try 1, b running try 2          | same b
        all are done, and one was retried already                | 1 | a done 2, b done 1, c done 0 try 1        | same b
        the newest that is done                                  | 1 | a done 5, b done 3                        | same b
        a request that was refused after another was delivered   | 1 | a done 5, b free 0                        | new b
        a request that was refused before another was delivered  | 1 | a done 0, b free 5                        | same a
        a refused request that was repeated already              | 1 | a done 5, b free 1 replaced, c done 2     | same c
        the repetition of a refused request was lost as well     | 2 | a done 5, b free 2 replaced, c done 0 try 1 | same c
        nothing but what was repeated already                    | 2 | a free 0 replaced                         | new
        nobody buys while there is something to give, 3          | 1 | a free 0, b done 0                        | same b
        """.split(separator: "\n").map(String.init)

    @Test(arguments: cases) func `a retry is that of the job it most likely repeats`(line: String) throws {
        let columns = line.split(separator: "|", omittingEmptySubsequences: false).map {
            $0.split(separator: " ").map(String.init)
        }
        try #require(columns.count == 4)
        let count = try #require(Int(columns[1][0]))
        let jobs = columns[2].joined(separator: " ").split(separator: ",").enumerated().map { Self.job($1, $0) }
        let expected: Repetition =
            switch (columns[3].first, columns[3].last) {
            case ("same", let id?): .same(id)
            case (_, "new"): .new()
            case (_, let id): .new(insteadOf: id)
            }
        #expect(Repetition.ofRetry(count, earlier: jobs, at: Self.now) == expected)
        #expect(Repetition.ofRetry(count, earlier: jobs.reversed(), at: Self.now) == expected)
    }

    private static func job(_ text: Substring, _ index: Int) -> EarlierJob {
        let words = text.split(separator: " ").map(String.init)
        let states: [String: EarlierJob.State] = ["running": .running, "done": .settled, "free": .boughtNothing]
        let state = states[words[1]] ?? .running
        let minutes = words.dropFirst(2).first.flatMap { Int($0) } ?? 0
        var job = EarlierJob(
            id: words[0], fingerprint: fingerprint, state: state,
            acceptedAt: now - .seconds(6000) + .seconds(index),
            endedAt: state == .running ? nil : now - .seconds(60 * minutes))
        job.isOwed = words.contains("owed")
        job.isReplaced = words.contains("replaced")
        if let index = words.firstIndex(of: "try") { job.retryCount = Int(words[index + 1]) ?? 0 }
        return job
    }

    @Test(arguments: [
        (EarlierJob.State.running, Repetition.same("a")), (.settled, .same("a")),
        (.boughtNothing, .new(insteadOf: "a")),
    ])
    func `a name stands for one request`(state: EarlierJob.State, expected: Repetition) {
        let job = EarlierJob(id: "a", fingerprint: Self.fingerprint, state: state, acceptedAt: Self.now)
        #expect(Self.ofName(job) == expected)
        #expect(Self.ofName(job, asks: "a beaver") == .conflict)
        #expect(Self.ofName(nil) == .new())
    }

    @Test(arguments: [
        (EarlierJob.State.running, Duration?.none, Repetition.same("a")), (.settled, nil, .same("a")),
        (.settled, .seconds(60), .same("a")), (.settled, .seconds(61), .new()), (.boughtNothing, .seconds(61), .new()),
    ])
    func `a name counts until a while after the end, however long the job took`(
        state: EarlierJob.State, timeSinceEnd: Duration?, expected: Repetition
    ) {
        let job = EarlierJob(
            id: "a", fingerprint: Self.fingerprint, state: state, acceptedAt: Self.now - .seconds(86_400),
            endedAt: timeSinceEnd.map { Self.now - $0 })
        #expect(Self.ofName(job) == expected)
        #expect(Self.ofName(job, asks: "a beaver") == (expected == .new() ? .new() : .conflict))
    }

    private static func ofName(_ earlier: EarlierJob?, asks prompt: String = "an otter") -> Repetition {
        .ofName(earlier, fingerprint: SHA256.digest(of: prompt), within: .seconds(60), at: now)
    }

    @Test(arguments: [
        (JobState.done, [AttemptRecord.State.done], false), (.unknown, [.unknown], false),
        (.unknown, [.refused], false),
        (.submitted, [], false), (.failed, [], true), (.failed, [.refused], true),
        (.failed, [.refused, .refused], true),
        (.failed, [.refused, .done], false), (.failed, [.failed], false), (.cancelled, [.refused], true),
        (.cancelled, [], true),
    ])
    func `a job bought nothing when no attempt of it can have`(
        state: JobState, attempts: [AttemptRecord.State], expected: Bool
    ) {
        var job = JobRecord.example("req_1", key: "key")
        job.state = state
        let records = attempts.enumerated().map { index, state in
            var attempt = AttemptRecord.example("req_1", index + 1)
            attempt.state = state
            return attempt
        }
        #expect(JobStory(job: job, keyName: "", attempts: records, images: []).boughtNothing == expected)
    }
}

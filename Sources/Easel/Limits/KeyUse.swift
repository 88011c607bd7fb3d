import HTTP

/// What a key uses of its limits right now, apart from money: requests, images, and jobs under way.
///
/// It is kept in memory: a restart begins with full allowances, and with the jobs that it takes up.
struct KeyUse: Sendable {
    private var requests = Allowance()
    private var images = Allowance()
    private(set) var jobs = 0

    /// How long a client should wait for one of its jobs to end, which nobody can know.
    static let jobPause = Duration.seconds(1)

    /// Counts a request for images; what is thrown says why it may not become a job of its own.
    mutating func countRequest(_ limits: KeyLimits, at now: Timestamp) throws(GatewayError) {
        guard let limit = limits.requestsPerMinute else { return }
        guard let pause = requests.take(1, of: limit, at: now), pause > .zero else { return }
        throw .rateLimited("requests per min (RPM)", .requests, limit, used: limit, asked: 1, pause: pause)
    }

    /// Refuses a request that could be no job now; it may still be the repetition of one.
    func checkJobs(_ limits: KeyLimits) throws(GatewayError) {
        guard let limit = limits.concurrency, jobs >= limit else { return }
        throw .rateLimited("jobs at once", .requests, limit, used: jobs, asked: 1, pause: Self.jobPause)
    }

    /// Counts a job that begins, and the images that it is to make.
    mutating func begin(images count: Int, _ limits: KeyLimits, at now: Timestamp) throws(GatewayError) {
        try checkJobs(limits)
        if let limit = limits.imagesPerMinute {
            let left = images.remaining(of: limit, at: now)
            let pause = images.take(count, of: limit, at: now)
            guard pause == .zero else {
                throw .rateLimited(
                    "images per min (IPM)", .images, limit, used: limit - left, asked: count, pause: pause)
            }
        }
        jobs += 1
    }

    /// Counts a job that an earlier run of the process has begun.
    mutating func resume() { jobs += 1 }

    mutating func end() { jobs = max(0, jobs - 1) }

    /// The header fields that clients read how they stand by.
    func fields(_ limits: KeyLimits, at now: Timestamp) -> [(name: String, value: String)] {
        let bounds = [("requests", limits.requestsPerMinute, requests), ("images", limits.imagesPerMinute, images)]
        return bounds.flatMap { name, limit, allowance in
            limit.map { limit in
                [
                    ("x-ratelimit-limit-\(name)", "\(limit)"),
                    ("x-ratelimit-remaining-\(name)", "\(allowance.remaining(of: limit, at: now))"),
                    ("x-ratelimit-reset-\(name)", Self.text(of: allowance.reset(at: now))),
                ]
            } ?? []
        }
    }

    /// A time as OpenAI writes it: `120ms`, `58.891s`, `1m0s`; never less than it is.
    static func text(of duration: Duration) -> String {
        let milliseconds = (duration.microseconds + 999) / 1000
        if milliseconds < 1000 { return "\(milliseconds)ms" }
        let (minutes, rest) = milliseconds.quotientAndRemainder(dividingBy: 60_000)
        var fraction = rest % 1000 == 0 ? "" : ".\(padded(rest % 1000, to: 3))"
        while fraction.last == "0" { fraction.removeLast() }
        return (minutes > 0 ? "\(minutes)m" : "") + "\(rest / 1000)\(fraction)s"
    }
}

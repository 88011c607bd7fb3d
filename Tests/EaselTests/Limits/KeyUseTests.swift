import HTTP
import Testing

@testable import Easel

struct KeyUseTests {
    private let now = ManualClock().now

    private func error(_ body: () throws(GatewayError) -> Void) -> GatewayError? {
        do throws(GatewayError) { try body() } catch { return error }
        return nil
    }

    @Test func `requests are counted, and refused in the words that clients look for`() {
        var use = KeyUse()
        let limits = KeyLimits(requestsPerMinute: 2)
        #expect(error { () throws(GatewayError) in try use.countRequest(limits, at: now) } == nil)
        #expect(error { () throws(GatewayError) in try use.countRequest(limits, at: now) } == nil)
        let refusal = error { () throws(GatewayError) in try use.countRequest(limits, at: now) }
        #expect(refusal?.status == .tooManyRequests)
        #expect(refusal?.code == "rate_limit_exceeded")
        #expect(refusal?.type.rawValue == "requests")
        #expect(refusal?.retryAfter == .seconds(30))
        #expect(refusal?.shouldRetry == nil)
        #expect(
            refusal?.message == """
                Rate limit reached for this key on requests per min (RPM): Limit 2, Used 2, Requested 1. Please try again \
                in 30s.
                """)
    }

    @Test func `jobs are counted until they end`() {
        var use = KeyUse()
        let limits = KeyLimits(concurrency: 2)
        use.resume()
        #expect(error { () throws(GatewayError) in try use.begin(images: 1, limits, at: now) } == nil)
        #expect(error { () throws(GatewayError) in try use.checkJobs(limits) }?.retryAfter == KeyUse.jobPause)
        #expect(
            error { () throws(GatewayError) in try use.begin(images: 1, limits, at: now) }?.code
                == "rate_limit_exceeded")
        use.end()
        #expect(error { () throws(GatewayError) in try use.begin(images: 1, limits, at: now) } == nil)
        for _ in 0..<9 { use.end() }
        #expect(use.jobs == 0)
    }

    @Test func `images are counted by their number, and a job that is refused takes none`() {
        var use = KeyUse()
        let limits = KeyLimits(imagesPerMinute: 6)
        #expect(error { () throws(GatewayError) in try use.begin(images: 4, limits, at: now) } == nil)
        let refusal = error { () throws(GatewayError) in try use.begin(images: 4, limits, at: now) }
        #expect(refusal?.type.rawValue == "images")
        #expect(refusal?.retryAfter == .seconds(20))
        #expect(refusal?.message.contains("images per min (IPM): Limit 6, Used 4, Requested 4.") == true)
        #expect(use.jobs == 1)
        #expect(error { () throws(GatewayError) in try use.begin(images: 2, limits, at: now) } == nil)
        let never = error { () throws(GatewayError) in try use.begin(images: 7, limits, at: now) }
        #expect(never?.shouldRetry == false)
        #expect(never?.retryAfter == nil)
    }

    @Test func `clients are told how they stand by what is bounded, and nothing else`() {
        var use = KeyUse()
        #expect(use.fields(KeyLimits(concurrency: 3), at: now).isEmpty)
        let limits = KeyLimits(requestsPerMinute: 60, imagesPerMinute: 10)
        _ = error { () throws(GatewayError) in try use.countRequest(limits, at: now) }
        _ = error { () throws(GatewayError) in try use.begin(images: 10, limits, at: now) }
        #expect(
            use.fields(limits, at: now).map { "\($0.name): \($0.value)" } == [
                "x-ratelimit-limit-requests: 60", "x-ratelimit-remaining-requests: 59",
                "x-ratelimit-reset-requests: 1s",
                "x-ratelimit-limit-images: 10", "x-ratelimit-remaining-images: 0", "x-ratelimit-reset-images: 1m0s",
            ])
    }

    @Test(arguments: [
        (0, "0ms"), (1, "1ms"), (120_000, "120ms"), (999_001, "1s"), (58_891_000, "58.891s"), (1_500_000, "1.5s"),
        (60_000_000, "1m0s"), (61_020_000, "1m1.02s"), (360_000_000, "6m0s"),
    ])
    func `a time is written as OpenAI does`(microseconds: Int, text: String) {
        #expect(KeyUse.text(of: .microseconds(microseconds)) == text)
    }
}

import HTTP
import Testing

@testable import Easel

/// What is counted of jobs, attempts and requests, and what the page tells of it.
struct CountsTests {
    private func configuration(_ more: String = "") throws -> Configuration {
        try Parts.read(Parts.routes("http://127.0.0.1:1", "http://127.0.0.1:2") + more)
    }

    private func job(_ state: JobState, cost: Int64? = 25_000, images: Int = 1) -> JobRecord {
        var job = JobRecord.example("req_1", key: "key")
        job.model = "otter"
        job.state = state
        job.cost = cost.map { Money(microunits: $0) }
        (job.images, job.imageLength) = (images, images * 1000)
        job.finishedAt = job.acceptedAt + .seconds(4)
        return job
    }

    private func attempt(_ state: AttemptRecord.State) -> AttemptRecord {
        var attempt = AttemptRecord.example("req_1")
        attempt.provider = "p0"
        attempt.state = state
        attempt.answeredAt = attempt.submittedAt + .seconds(3)
        return attempt
    }

    @Test func `what a configuration names begins at nothing, and stays when it goes`() throws {
        var counts = Counts()
        counts.expect(try configuration())
        let routes = ["p0", "p1"].map { Counts.Route(model: "otter", provider: $0) }
        #expect(counts.routes.keys.sorted() == routes)
        #expect(counts.providers.keys.sorted() == ["p0", "p1"])
        #expect(counts.routes[routes[0]]?.cost == ["USD": Money(microunits: 0)])

        counts.jobEnded(
            JobStory(job: job(.done), keyName: "", attempts: [attempt(.done)], images: []), nil, currency: "USD")
        counts.expect(try Parts.read(Parts.sandbox + "\ncurrency: EUR"))
        #expect(counts.routes[routes[0]]?.images == 1)
        #expect(counts.providers["p0"]?.attempts == [.done: 1])
        #expect(counts.models.keys.sorted() == ["otter", "sandbox"])
    }

    @Test func `money is added up by currency, and what is unknown is not nothing`() throws {
        var counts = Counts()
        for (cost, currency) in [(25_000, "USD"), (nil, "USD"), (1, "EUR"), (25_000, "USD")] as [(Int64?, String)] {
            counts.jobEnded(
                JobStory(job: job(.done, cost: cost), keyName: "", attempts: [attempt(.done)], images: []), nil,
                currency: currency)
        }
        let route = try #require(counts.routes[Counts.Route(model: "otter", provider: "p0")])
        #expect(route.cost == ["USD": Money(microunits: 50_000), "EUR": Money(microunits: 1)])
        #expect(route.unknownCosts == 1)
        #expect(route.images == 4)
        #expect(route.imageLength == 4000)
    }

    @Test func `only what made images counts into the times`() {
        var counts = Counts()
        for state in [JobState.done, .failed, .unknown] {
            counts.jobEnded(
                JobStory(job: job(state, images: 0), keyName: "", attempts: [], images: []), nil, currency: "USD")
        }
        counts.attemptEnded(attempt(.refused), .rateLimit)
        counts.attemptEnded(attempt(.unknown), .timeout)
        counts.attemptEnded(attempt(.done), nil)
        #expect(counts.models["otter"]?.jobs == [.done: 1, .failed: 1, .unknown: 1])
        #expect(counts.models["otter"]?.duration.sum == .seconds(4))
        #expect(counts.providers["p0"]?.attempts == [.refused: 1, .unknown: 1, .done: 1])
        #expect(counts.providers["p0"]?.failures == [.rateLimit: 1, .timeout: 1])
        #expect(counts.providers["p0"]?.answer.sum == .seconds(3))
        // Nobody was asked for images.
        #expect(counts.routes.isEmpty)
    }

    @Test func `requests are counted by what they are about and their status`() {
        var counts = Counts()
        for status in [Status.ok, .ok, .badGateway] { counts.requestEnded(.edit, status) }
        #expect(counts.requests[Counts.Answer(kind: .edit, status: 200)] == 2)
        #expect(counts.requests.count == 2)
    }

    @Test func `a refusal is counted where somebody can do something about it`() {
        var counts = Counts()
        for error in [GatewayError.noRoom(), .full("jobs", setting: "limits.jobs"), .missing("prompt"), .missingKey()] {
            counts.refused(error)
        }
        #expect(counts.refusals == [.disk: 1, .overload: 1])
    }

    @Test(
        arguments: [
            (.post, "/v1/images/generations", .generate),
            (.post, "/openai/deployments/m/images/edits?api-version=1", .edit),
            (.post, "/images/variations", .vary), (.get, "/v1/images/jobs/req_1", .job),
            (.delete, "/v1/images/jobs/req_1", .cancel), (.get, "/v1/models/a/b", .models),
            (.head, "/files/x.png", .file),
            (.get, "/files/inputs/x.png", .file), (.get, "/metrics", .health), (.get, "/", .health),
            (.options, "/v1/images/generations", .other), (.get, "/v1/otter", .other), (.get, "/%zz", .other),
        ] as [(HTTP.Method, String, RequestKind)])
    func `a request counts as what it is about`(method: HTTP.Method, target: String, kind: RequestKind) {
        #expect(RequestKind(method, Request(method: method, target: target).path) == kind)
    }
}

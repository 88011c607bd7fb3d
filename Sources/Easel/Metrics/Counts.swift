import HTTP

/// What has happened since the process began, counted: everything of `/metrics` that only grows.
///
/// Labels are the names of the owner's configuration and the ledger's words, never a client's, so there are as many as
/// there are models and providers. Those of a configuration begin at 0, and stay when a reload takes them away.
struct Counts: Sendable {
    /// A model, as clients know it, and who made its images.
    struct Route: Sendable, Hashable, Comparable {
        var model: String
        var provider: String

        static func < (left: Route, right: Route) -> Bool {
            (left.model, left.provider) < (right.model, right.provider)
        }
    }

    /// What a request was about, and how it was answered.
    struct Answer: Sendable, Hashable {
        var kind: RequestKind
        var status: Int
    }

    struct OfModel: Sendable {
        /// Jobs that have ended, by how.
        var jobs: [JobState: Int] = [:]
        /// Of jobs that made images: from their acceptance until these were stored.
        var duration = Histogram()
    }

    struct OfProvider: Sendable {
        /// Attempts that have ended, by how.
        var attempts: [AttemptRecord.State: Int] = [:]
        /// Attempts that bought nothing, or perhaps something, by why.
        var failures: [FailureKind: Int] = [:]
        /// Of attempts that bought something: from being written down until the answer was there.
        var answer = Histogram()
        /// Images that were paid for and could not be kept.
        var lostImages = 0
    }

    struct OfRoute: Sendable {
        /// Images that were stored.
        var images = 0
        /// Their bytes.
        var imageLength = 0
        /// By currency: another configuration may have another.
        var cost: [String: Money] = [:]
        /// Jobs of which nobody knows what they cost.
        var unknownCosts = 0
    }

    private(set) var requests: [Answer: Int] = [:]
    private(set) var refusals: [RefusalReason: Int] = [:]
    private(set) var models: [String: OfModel] = [:]
    private(set) var providers: [String: OfProvider] = [:]
    private(set) var routes: [Route: OfRoute] = [:]

    /// Has everything that a configuration names begin at 0, so that a first time is seen as a rise.
    mutating func expect(_ configuration: Configuration) {
        for name in configuration.providers.keys { providers[name] = providers[name] ?? OfProvider() }
        for model in configuration.models {
            models[model.name] = models[model.name] ?? OfModel()
            for route in model.routes {
                let route = Route(model: model.name, provider: route.provider)
                routes[route, default: OfRoute()].add(Money(microunits: 0), in: configuration.currency)
            }
        }
    }

    /// A request was answered, or given up.
    mutating func requestEnded(_ kind: RequestKind, _ status: Status) {
        requests[Answer(kind: kind, status: status.rawValue), default: 0] += 1
    }

    /// An order was turned away before anything of it was sent; what is the client's own mistake is not counted here.
    mutating func refused(_ error: GatewayError) {
        if let refusal = error.code.flatMap(RefusalReason.init) { refusals[refusal, default: 0] += 1 }
    }

    /// An attempt has ended; `failure` is why, where it was not bought.
    mutating func attemptEnded(_ attempt: AttemptRecord, _ failure: FailureKind?) {
        providers[attempt.provider, default: OfProvider()].add(attempt, failure)
    }

    /// A paid image could not be kept.
    mutating func imageLost(from provider: String) { providers[provider, default: OfProvider()].lostImages += 1 }

    /// A job has ended with its last attempt, and that is in the ledger; `failure` is why that was not bought.
    mutating func jobEnded(_ story: JobStory, _ failure: FailureKind?, currency: String) {
        models[story.job.model, default: OfModel()].add(story.job)
        guard let attempt = story.attempts.last else { return }
        attemptEnded(attempt, failure)
        let route = Route(model: story.job.model, provider: attempt.provider)
        routes[route, default: OfRoute()].add(story.job, currency)
    }
}

extension Counts.OfModel {
    fileprivate mutating func add(_ job: JobRecord) {
        jobs[job.state, default: 0] += 1
        if job.state == .done, let end = job.finishedAt { duration.add(end - job.acceptedAt) }
    }
}

extension Counts.OfProvider {
    fileprivate mutating func add(_ attempt: AttemptRecord, _ failure: FailureKind?) {
        attempts[attempt.state, default: 0] += 1
        if let failure { failures[failure, default: 0] += 1 }
        if attempt.state == .done, let end = attempt.answeredAt { answer.add(end - attempt.submittedAt) }
    }
}

extension Counts.OfRoute {
    fileprivate mutating func add(_ job: JobRecord, _ currency: String) {
        images += job.images
        imageLength &+= job.imageLength
        if let cost = job.cost { add(cost, in: currency) } else { unknownCosts += 1 }
    }

    /// Stops at the most that can be counted.
    fileprivate mutating func add(_ amount: Money, in currency: String) {
        let sum = cost[currency, default: Money(microunits: 0)]
        cost[currency] = Money?(sum) + amount ?? sum
    }
}

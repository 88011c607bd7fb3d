import HTTPClient

/// What may happen after a paid request, whatever came of it.
///
/// The one place where that is decided, and a total function of what is known: an answer as its dialect reads it, or
/// the client's reason for having none. The rule is decision 6: an order is placed again, here or elsewhere, only when
/// it provably bought nothing.
struct Verdict: Sendable, Hashable {
    enum Purchase: String, Sendable, Hashable {
        /// Provably nothing was made or charged.
        case nothing
        /// The images are here.
        case images
        /// The provider took the order into its queue; its task is waited for, also after a restart.
        case task
        /// It may have been bought, and nobody can tell: it is never placed again by itself.
        case unknown
    }

    var purchase: Purchase
    /// Whether the next route may have the order: nothing was bought, and another provider could do better.
    var mayTryNextRoute = false
    /// What the provider's breaker hears of it.
    var signal: Breaker.Signal

    var boughtNothing: Bool { purchase == .nothing }

    init(_ reply: Result<Outcome, ClientError>) {
        switch reply {
        case .success(.images): self.init(purchase: .images, signal: .healthy)
        case .success(.queued): self.init(purchase: .task, signal: .accepted)
        case .success(.failed(let failure)): self.init(failure)
        case .failure(let error): self.init(error)
        }
    }

    private init(purchase: Purchase, mayTryNextRoute: Bool = false, signal: Breaker.Signal) {
        self.purchase = purchase
        self.mayTryNextRoute = mayTryNextRoute
        self.signal = signal
    }
}

// An answer that is a failure.
extension Verdict {
    /// How long a provider is left alone that wants it and does not say how long.
    static let defaultPause = Duration.seconds(2)

    init(_ failure: ProviderFailure) {
        // Whoever had it stopped wants it made nowhere else, and the provider has done as it was told.
        if failure.isCancellation {
            self.init(purchase: failure.boughtNothing ? .nothing : .unknown, signal: .none)
            return
        }
        let isOwnersMistake = failure.kind == .providerError && (400..<500).contains(failure.status)
        self.init(
            purchase: failure.boughtNothing ? .nothing : .unknown,
            mayTryNextRoute: failure.boughtNothing && Self.isElsewhereBetter(after: failure.kind),
            signal: isOwnersMistake ? .healthy : Self.signal(of: failure))
    }

    /// Whether another provider could do better with an order that bought nothing.
    private static func isElsewhereBetter(after kind: FailureKind) -> Bool {
        switch kind {
        // The order itself is at fault, or not allowed: it is the same order everywhere.
        case .badRequest, .inputUnreachable, .contentPolicy: false
        // The last three prove nothing by themselves: only the provider's page can say that they are not charged.
        case .authentication, .billing, .rateLimit, .overload, .providerError, .timeout, .malformed: true
        }
    }

    private static func signal(of failure: ProviderFailure) -> Breaker.Signal {
        switch failure.kind {
        // The provider works: it has looked at the order.
        case .badRequest, .inputUnreachable, .contentPolicy: .healthy
        // A 403 may speak of one model that the account may not use: it takes several in a row to speak of all.
        case .authentication: failure.status == 403 ? .failure : .lockedOut
        case .billing: .lockedOut
        case .rateLimit: .pause(failure.retryAfter ?? defaultPause)
        case .overload: failure.retryAfter.map { .pause($0) } ?? .failure
        case .timeout, .malformed, .providerError: .failure
        }
    }
}

// No answer.
extension Verdict {
    /// A request that reached nobody bought nothing, and the next provider is another server: it may always try.
    fileprivate init(_ error: ClientError) {
        let cause = Cause(error.kind)
        switch error.reached {
        case .no:
            self.init(
                purchase: .nothing, mayTryNextRoute: true, signal: cause == .provider ? .failure : .none)
        case .maybe:
            self.init(purchase: .unknown, signal: cause == .provider ? .failure : .none)
        }
    }

    /// Who is to blame for a request without an answer.
    private enum Cause {
        /// The provider, or the network on the way to it.
        case provider
        /// The gateway: what it was told to send, its disk, its own change of mind.
        case gateway

        init(_ kind: ClientError.Kind) {
            switch kind {
            case .cancelled, .invalidURL, .invalidRequest, .addressRefused, .requestBodyFailed: self = .gateway
            case .unresolvable, .connectFailed, .tlsFailed, .timedOut, .connectionLost, .bodyTooLarge,
                .tooManyRedirects, .redirectRefused, .malformedResponse, .other:
                self = .provider
            }
        }
    }
}

extension ProviderFailure {
    /// Whether the next route may be tried.
    var mayMoveOn: Bool { Verdict(self).mayTryNextRoute }

    /// A failure to speak with the provider at all.
    init(_ error: ClientError) {
        switch error.reached {
        case .no:
            self = .gateway(.overload, "The provider could not be reached: \(error.kind).", boughtNothing: true)
        case .maybe:
            let isTimeout = if case .timedOut = error.kind { true } else { false }
            self = .gateway(
                isTimeout ? .timeout : .malformed,
                "The connection to the provider failed after the request was sent: \(error.kind).",
                boughtNothing: false)
        }
    }

    /// A failure that the gateway found, not the provider.
    static func gateway(
        _ kind: FailureKind, _ message: String, boughtNothing: Bool, retryAfter: Duration? = nil
    ) -> ProviderFailure {
        ProviderFailure(
            kind: kind, message: message, status: 0, retryAfter: retryAfter, boughtNothing: boughtNothing)
    }

    /// Whether the words are the gateway's own: there was no answer that could have any.
    var isGateways: Bool { self.status == 0 }
}

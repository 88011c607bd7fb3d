/// What the owner lets go to one provider.
struct TrafficLimits: Sendable, Hashable {
    /// Paid requests under way at once.
    var concurrency = 64
    /// Paid requests in any second, minute or hour; `nil` is no bound.
    var rate: Rate?
    /// Paid requests that wait for their turn at most; one more is refused.
    var queue = 1000
    /// How long one of them waits: about as long as an image takes.
    var queueWait = Duration.seconds(120)
    /// `nil` is none: everything is sent, whatever came before.
    var breaker: Breaker.Settings? = Breaker.Settings()
}

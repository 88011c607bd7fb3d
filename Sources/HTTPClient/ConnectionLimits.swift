/// How many connections a client may have, and keep.
package struct ConnectionLimits: Sendable, Hashable {
    /// To one host and port at a time, or no limit; more requests wait, within their limit for connecting.
    package var perHost: Int?
    /// To all hosts together at a time, or no limit.
    package var total: Int?
    /// How many are kept for later requests.
    package var idle: Int
    /// How long one that is kept may be used again.
    ///
    /// Servers close theirs after five seconds to two minutes. A request sent just then is lost, and for one that costs
    /// money nobody can tell. libcurl looks before it uses a connection; a short age makes the case rarer still.
    package var maxIdleAge: Duration

    package init(perHost: Int? = nil, total: Int? = nil, idle: Int = 256, maxIdleAge: Duration = .seconds(30)) {
        self.perHost = perHost
        self.total = total
        self.idle = idle
        self.maxIdleAge = maxIdleAge
    }
}

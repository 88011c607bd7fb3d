/// The routes of a model in the order in which one order tries them.
///
/// Routes with weights share the load: one is drawn, each in proportion to its weight, and the others follow in the order
/// of the file. Routes without keep the order of the file. Either way, those whose provider is left alone for now come
/// last: by the time it is their turn, it may work again.
struct RouteOrder: Sendable {
    var routes: [Configuration.Route]
    /// How long until the first provider can be sent anything, when there is none now; `nil` when there is.
    var pause: Duration?

    /// `pauses` tells how long a provider is left alone, `nil` for one that is not.
    init(
        _ routes: [Configuration.Route], pauses: (String) -> Duration?,
        using random: inout some RandomNumberGenerator
    ) {
        // As most models have it: there is nothing to put in order.
        if let only = routes.first, routes.count == 1 {
            self.routes = routes
            pause = pauses(only.provider)
            return
        }
        let judged = routes.map { (route: $0, pause: pauses($0.provider)) }
        let (free, paused) = (judged.filter { $0.pause == nil }, judged.filter { $0.pause != nil })
        self.routes = Self.drawn(free.map(\.route), using: &random) + paused.map(\.route)
        pause = free.isEmpty ? paused.compactMap(\.pause).min() : nil
    }

    private static func drawn(
        _ routes: [Configuration.Route], using random: inout some RandomNumberGenerator
    ) -> [Configuration.Route] {
        let weights = routes.map { max($0.weight ?? 0, 0) }
        let total = weights.reduce(0, &+)
        guard routes.count > 1, total > 0 else { return routes }
        var mark = Int.random(in: 0..<total, using: &random)
        let index = weights.firstIndex { weight in
            mark -= weight
            return mark < 0
        }
        var routes = routes
        if let index { routes.insert(routes.remove(at: index), at: 0) }
        return routes
    }
}

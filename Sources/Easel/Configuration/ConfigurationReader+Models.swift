import YAML

// What clients may ask for, and who makes it.
extension ConfigurationReader {
    /// The largest weight of a route.
    private static let largestWeight = 1_000_000

    static func readModels(
        of models: Section, providers: [String], into configuration: inout Configuration
    ) {
        guard let mapping = models.node.mapping, !mapping.isEmpty else {
            return models.mistakes.report(
                models.node.position,
                "'models' must name at least one model, like 'sandbox: {routes: [{provider: offline}]}'")
        }
        for (entry, section) in models.sections where section.allow("routes", "on_disconnect") {
            guard let routes = section.node["routes"]?.sequence, !routes.isEmpty else {
                section.mistakes.report(
                    entry.keyPosition, "model '\(entry.key)' needs at least one route, like [{provider: offline}]")
                continue
            }
            let read = routes.compactMap { node in
                route(
                    Section(
                        node: node, path: section.joined("routes"), mistakes: section.mistakes,
                        environment: section.environment), model: entry.key, providers)
            }
            checkWeights(of: routes, model: entry.key, section.mistakes)
            configuration.models.append(
                Configuration.Model(
                    name: entry.key, routes: read,
                    onDisconnect: section.choice("on_disconnect", of: Configuration.OnDisconnect.self) ?? .finish))
        }
    }

    private static func route(
        _ section: Section, model: String, _ providers: [String]
    ) -> Configuration.Route? {
        guard section.allow("provider", "model", "price", "weight") else { return nil }
        guard let provider = section.text("provider") else {
            section.mistakes.report(section.node.position, "this route of '\(model)' names no provider")
            return nil
        }
        // A provider that is there but wrong has been reported already.
        if !providers.contains(provider) {
            let hint = didYouMean(provider, among: providers)
            section.mistakes.report(section.position(of: "provider"), "unknown provider '\(provider)'\(hint)")
        }
        return Configuration.Route(
            provider: provider, model: section.text("model") ?? model,
            price: price(section),
            weight: section.value("weight", like: "3, or 0 for a route that only stands in") { text in
                Int(text).flatMap { (0...largestWeight).contains($0) ? $0 : nil }
            })
    }

    /// Either the order of the file counts, or weights do.
    private static func checkWeights(of routes: [Node], model: String, _ mistakes: Mistakes) {
        let weighted = routes.filter { $0["weight"] != nil }
        guard !weighted.isEmpty else { return }
        if let bare = routes.first(where: { $0.mapping != nil && $0["weight"] == nil }) {
            mistakes.report(
                bare.position,
                "this route of '\(model)' has no weight, and another has one; give every route a weight, or none")
        } else if weighted.allSatisfy({ $0["weight"]?.string == "0" }) {
            mistakes.report(
                weighted[0]["weight"]?.position ?? weighted[0].position,
                "every weight of '\(model)' is 0; give one of its routes at least 1")
        }
    }
}

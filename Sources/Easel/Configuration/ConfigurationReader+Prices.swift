import YAML

// What images cost: `price: 0.025`, or more about it.
extension ConfigurationReader {
    private static let example = "0.025"

    /// The price of a route; `nil` when it has none.
    static func price(_ route: Section) -> Price? {
        guard route.node["price"]?.mapping != nil else {
            return route.value("price", like: "\(example), or {image: …, input: …, table: {…}}") { text in
                Money(text).map { Price(image: $0) }
            }
        }
        let section = route.section("price")
        section.allow("image", "input", "table")
        var price = Price()
        price.image = section.value("image", like: example) { Money($0) }
        price.input = section.value("input", like: example) { Money($0) }
        price.table = lines(of: section.section("table"))
        if section.node["image"] == nil, section.node["table"] == nil {
            section.mistakes.report(
                section.node.position, "'\(section.path)' needs the price of an image: image, or table, or both")
        }
        return price
    }

    private static func lines(of table: Section) -> [Price.Line] {
        guard let mapping = table.node.mapping else {
            table.mistakes.report(
                table.node.position, "'\(table.path)' must be a mapping such as {\"1024x1024 high\": 0.167, low: 0.011}"
            )
            return []
        }
        var lines: [Price.Line] = []
        for entry in mapping {
            guard let image = table.value(entry.key, like: example, parse: { Money($0) }) else { continue }
            guard let line = Price.Line(entry.key, image: image) else {
                table.mistakes.report(
                    entry.keyPosition,
                    "'\(entry.key)' is no size and no quality; write it like 1024x1024, high, or \"1024x1024 high\"")
                continue
            }
            if lines.contains(where: { $0.size == line.size && $0.quality == line.quality }) {
                table.mistakes.report(entry.keyPosition, "'\(entry.key)' is in '\(table.path)' already")
            }
            lines.append(line)
        }
        return lines
    }
}

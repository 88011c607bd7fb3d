/// The parameters of a query in their order (URL Standard, section 5.1: `application/x-www-form-urlencoded`).
package struct Query: Sendable, Hashable {
    package struct Item: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package let items: [Item]

    /// Reads what follows the question mark; `nil` for bad escapes, a NUL, and what is not UTF-8.
    package init?(_ text: some StringProtocol) {
        var items: [Item] = []
        for pair in text.utf8.split(separator: UInt8(ascii: "&")) {
            let halves = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Percent.decode(halves[0], plusIsSpace: true),
                let value = halves.count == 2 ? Percent.decode(halves[1], plusIsSpace: true) : ""
            else { return nil }
            items.append(Item(name: name, value: value))
        }
        self.items = items
    }

    /// The first value under a name; a parameter without `=` has an empty one.
    package subscript(name: String) -> String? { items.first { $0.name == name }?.value }
}

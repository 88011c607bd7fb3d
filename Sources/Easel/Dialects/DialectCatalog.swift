import YAML

/// The dialects that providers in the configuration may name.
struct DialectCatalog: Sendable {
    private var dialects: [String: Dialect] = [:]

    init(_ dialects: [Dialect] = []) {
        for dialect in dialects { self.dialects[dialect.name] = dialect }
    }

    subscript(name: String) -> Dialect? { dialects[name] }

    /// In alphabetical order.
    var names: [String] { dialects.keys.sorted() }

    /// Adds a dialect, or puts it in the place of the one of its name.
    mutating func add(_ dialect: Dialect) { dialects[dialect.name] = dialect }
}

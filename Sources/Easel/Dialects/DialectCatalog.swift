import YAML

/// The dialects that providers in the configuration may name.
struct DialectCatalog: Sendable {
    private var dialects: [String: Dialect] = [:]
    /// The names of dialects that there are, too, and that nobody wants.
    private let others: [String]

    init(others: [String] = []) { self.others = others }

    subscript(name: String) -> Dialect? { dialects[name] }

    /// In alphabetical order.
    var names: [String] { Set(others).union(dialects.keys).sorted() }

    /// Adds a dialect, or puts it in the place of the one of its name.
    mutating func add(_ dialect: Dialect) { dialects[dialect.name] = dialect }
}

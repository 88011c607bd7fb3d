/// A value that must not be seen: it prints as dots, and `reveal()` is easy to search for.
struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    private let value: String

    init(_ value: String) { self.value = value }

    /// The value itself, for the one place that must send or hash it.
    func reveal() -> String { value }

    var isEmpty: Bool { value.isEmpty }
    var description: String { "•••" }
    var debugDescription: String { "•••" }
}

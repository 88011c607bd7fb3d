/// A value that must not be seen: it prints as dots, and `reveal()` is easy to search for.
struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    private let value: String

    init(_ value: String) { self.value = value }

    /// The value itself, for the one place that must send or hash it.
    func reveal() -> String { value }

    /// The length, in characters, from which on a value is taken for one that occurs nowhere by chance; owners write
    /// `none` where a server of their own wants no key.
    private static let shortestFound = 16

    /// A text by somebody who knows the value, without it.
    func hidden(in text: String) -> String {
        value.count < Self.shortestFound ? text : text.replacing(value, with: description)
    }

    var isEmpty: Bool { value.isEmpty }
    var description: String { "•••" }
    var debugDescription: String { "•••" }
}

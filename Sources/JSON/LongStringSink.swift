/// Takes the strings that are too long for memory out of a JSON text as they arrive: images in base64.
///
/// The parser offers a string value once it has read ``JSONLimits/inlineStringBytes`` of it. Prefix and pieces are
/// unescaped UTF-8, cut anywhere, also inside a character. An error thrown here ends the parse as a ``JSONError`` of kind
/// `refused`, with the error's description as its reason.
package protocol LongStringSink {
    /// Looks at the beginning of a long string and tells whether to take it.
    ///
    /// `true` has the whole string handed to ``append(_:)``, this prefix first; `false` keeps it in memory, as far as
    /// ``JSONLimits/memoryBytes`` goes.
    mutating func begin(prefix: Span<UInt8>) throws -> Bool

    /// Takes the next bytes of the string.
    mutating func append(_ piece: Span<UInt8>) throws

    /// Closes the string and returns the number that stands for it in the value: ``JSONValue/external(_:)``.
    mutating func end() throws -> Int
}

/// Leaves every string in memory.
package struct InMemoryStrings: LongStringSink, Sendable {
    package init() {}

    package mutating func begin(prefix: Span<UInt8>) -> Bool { false }
    package mutating func append(_ piece: Span<UInt8>) {}
    package mutating func end() -> Int { 0 }
}

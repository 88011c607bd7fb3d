/// How much of a JSON text the parser takes in before it gives up.
package struct JSONLimits: Sendable, Hashable {
    /// Arrays and objects inside each other.
    package var depth: Int
    /// Bytes of all that is kept: strings, names and the values around them.
    package var memoryBytes: Int
    /// Bytes after which a string is offered to the ``LongStringSink``.
    package var inlineStringBytes: Int
    /// Bytes of a member's name.
    package var nameBytes: Int
    /// Members of one object.
    package var members: Int
    /// Elements of one array.
    package var elements: Int
    /// Characters of a number.
    package var numberLength: Int

    package init(
        depth: Int = 64, memoryBytes: Int = 4 << 20, inlineStringBytes: Int = 8 << 10, nameBytes: Int = 1 << 10,
        members: Int = 1 << 10, elements: Int = 64 << 10, numberLength: Int = 128
    ) {
        self.depth = depth
        self.memoryBytes = memoryBytes
        self.inlineStringBytes = inlineStringBytes
        self.nameBytes = nameBytes
        self.members = members
        self.elements = elements
        self.numberLength = numberLength
    }
}

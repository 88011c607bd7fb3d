import HTTP

/// The line that opens a chunk (RFC 9112, section 7.1).
struct ChunkHeader {
    let size: Int
    /// Bytes of the extensions, which are checked and then ignored.
    let extensionCount: Int

    init(_ line: Span<UInt8>) throws(Rejection) {
        var index = 0
        var size = 0
        while index < line.count, let digit = line[index].hexadecimalValue {
            // Four more bits must leave the sign alone.
            guard size <= Int.max >> 4 else { throw .chunkSize }
            size = size << 4 | digit
            index += 1
        }
        guard index > 0 else { throw .chunkSize }
        self.size = size
        extensionCount = line.count - index
        try Self.checkExtensions(line, from: index)
    }

    /// Goes over `*( BWS ";" BWS name [ BWS "=" BWS value ] )` to the end of the line.
    private static func checkExtensions(_ line: Span<UInt8>, from start: Int) throws(Rejection) {
        var index = start
        while index < line.count {
            skipSpaces(line, &index)
            guard index < line.count, line[index] == UInt8(ascii: ";") else { throw .chunkExtension }
            index += 1
            skipSpaces(line, &index)
            guard skipToken(line, &index) else { throw .chunkExtension }
            var value = index
            skipSpaces(line, &value)
            guard value < line.count, line[value] == UInt8(ascii: "=") else { continue }
            value += 1
            skipSpaces(line, &value)
            guard skipQuoted(line, &value) || skipToken(line, &value) else { throw .chunkExtension }
            index = value
        }
    }

    private static func skipSpaces(_ line: Span<UInt8>, _ index: inout Int) {
        while index < line.count && line[index].isBlank { index += 1 }
    }

    private static func skipToken(_ line: Span<UInt8>, _ index: inout Int) -> Bool {
        let start = index
        while index < line.count && line[index].isInToken { index += 1 }
        return index > start
    }

    /// Passes over a quoted string (RFC 9110, section 5.6.4), if one is there and complete.
    private static func skipQuoted(_ line: Span<UInt8>, _ index: inout Int) -> Bool {
        guard index < line.count, line[index] == UInt8(ascii: "\"") else { return false }
        var position = index + 1
        while position < line.count && line[position].isFieldCharacter {
            if line[position] == UInt8(ascii: "\"") {
                index = position + 1
                return true
            }
            if line[position] == UInt8(ascii: "\\") {
                position += 1
                guard position < line.count, line[position].isFieldCharacter else { return false }
            }
            position += 1
        }
        return false
    }
}

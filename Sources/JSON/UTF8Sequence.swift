/// Checks UTF-8 byte by byte (RFC 3629, section 4; Unicode Standard, table 3-7).
struct UTF8Sequence {
    /// Continuation bytes still to come.
    private var remaining = 0
    /// What the next continuation byte may be: narrower after some first bytes, against overlong forms and surrogates.
    private var next: ClosedRange<UInt8> = 0x80...0xBF

    /// Whether a character has begun and not ended.
    var isOpen: Bool { remaining > 0 }

    /// Takes a byte, and tells whether it can stand here.
    mutating func accept(_ byte: UInt8) -> Bool {
        if isOpen {
            guard next.contains(byte) else { return false }
            remaining -= 1
            next = 0x80...0xBF
            return true
        }
        switch byte {
        case 0x00...0x7F: break
        case 0xC2...0xDF: remaining = 1
        case 0xE0: (remaining, next) = (2, 0xA0...0xBF)
        case 0xED: (remaining, next) = (2, 0x80...0x9F)
        case 0xE1...0xEF: remaining = 2
        case 0xF0: (remaining, next) = (3, 0x90...0xBF)
        case 0xF1...0xF3: remaining = 3
        case 0xF4: (remaining, next) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}

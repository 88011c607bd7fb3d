import CCrypto

/// Bytes and texts that nobody can guess.
package enum Random {
    /// Random bytes from OpenSSL's generator.
    ///
    /// The corresponding C function is `RAND_bytes`. Should the system have no randomness to give, the program stops: a key or a link that can be guessed is worse
    /// than no answer, and no caller could do better.
    package static func bytes(_ count: Int) -> [UInt8] {
        precondition((0...Int(CInt.max)).contains(count), "cannot make \(count) random bytes")
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(
            unsafe RAND_bytes(&bytes, CInt(count)) == 1, "the system has no secure random bytes: see getrandom(2)")
        return bytes
    }

    /// A random text of letters and digits, as hard to guess as so many random bytes; 32 bytes make 43 characters.
    ///
    /// Base 62 rather than base64url, so that a double click selects the whole of it, and nothing that begins with it
    /// can be taken for an option.
    package static func token(bytes count: Int) -> String { token(bytes: count, bytes) }

    static func token(bytes count: Int, _ makeBytes: (Int) -> [UInt8]) -> String {
        let bitsPerCharacter = 5.954_196  // log2(62), rounded down
        let length = Int((Double(count) * 8 / bitsPerCharacter).rounded(.up))
        var text: [UInt8] = []
        text.reserveCapacity(length)
        while text.count < length {
            // 6 bits of each byte: the two of 64 values that have no character are dropped, not folded onto others. One
            // in 32 is; with so many more to begin with, there are hardly ever too few.
            let missing = length - text.count
            for byte in makeBytes(missing + missing / 8 + 4) where byte & 63 < 62 && text.count < length {
                text.append(alphabet[Int(byte & 63)])
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
}

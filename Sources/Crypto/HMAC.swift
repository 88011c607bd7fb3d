import CCrypto

/// Keyed hashing: only who has the key can make the code that belongs to a message (RFC 2104).
///
/// Compare codes with ``constantTimeEquals(_:_:)``.
package enum HMAC {
    /// HMAC-SHA-256 of a message, under a key of any length: 32 random bytes are best.
    ///
    /// The corresponding C function is `HMAC`.
    package static func sha256(_ message: [UInt8], key: [UInt8]) -> Digest {
        precondition(key.count <= Int(CInt.max), "the key is too long")
        var code = [UInt8](repeating: 0, count: Digest.length)
        let result = unsafe CCrypto.HMAC(EVP_sha256(), key, CInt(key.count), message, message.count, &code, nil)
        precondition(unsafe result != nil, "OpenSSL cannot compute a message authentication code")
        return Digest(code)
    }
}

/// Whether two byte strings are equal, found out in a time that does not depend on where they differ.
///
/// Lengths are no secret: different ones are told apart at once. The corresponding C function is `CRYPTO_memcmp`.
package func constantTimeEquals(_ first: [UInt8], _ second: [UInt8]) -> Bool {
    guard first.count == second.count else { return false }
    return unsafe CRYPTO_memcmp(first, second, first.count) == 0
}

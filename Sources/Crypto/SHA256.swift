import CCrypto

/// SHA-256 of a message that comes in pieces (FIPS 180-4).
///
/// A megabyte takes half a millisecond where the processor has instructions for it, and longer elsewhere: whole images
/// belong off the event loop. Running out of memory is the only way OpenSSL can fail here, and stops the program.
@safe
package struct SHA256: ~Copyable {
    private let context: OpaquePointer

    package init() {
        guard let context = unsafe EVP_MD_CTX_new() else { preconditionFailure("out of memory for a digest") }
        unsafe self.context = context
        check(unsafe EVP_DigestInit_ex(context, Self.algorithm, nil))
    }

    /// Found once: with `EVP_sha256()` OpenSSL would look for it anew for every digest.
    nonisolated(unsafe) private static let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil)

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Takes the next piece of the message.
    package mutating func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { bytes in
            check(unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count))
        }
    }

    /// Takes the next piece of the message.
    package mutating func update(_ bytes: [UInt8]) { update(bytes.span) }

    /// The digest of all that was taken.
    package consuming func finalize() -> Digest {
        var bytes = [UInt8](repeating: 0, count: Digest.length)
        check(unsafe EVP_DigestFinal_ex(context, &bytes, nil))
        return Digest(bytes)
    }

    /// The digest of a whole message.
    package static func digest(of message: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(message)
        return hash.finalize()
    }

    /// The digest of a text in UTF-8.
    package static func digest(of message: String) -> Digest { digest(of: Array(message.utf8)) }
}

/// Stops the program when OpenSSL has failed, which with these arguments means no memory.
private func check(_ result: CInt) { precondition(result == 1, "OpenSSL cannot compute a digest") }

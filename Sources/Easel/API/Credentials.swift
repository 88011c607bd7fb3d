import HTTP

/// The key a request carries, in every form that OpenAI's and Azure's clients and hand-written ones use.
enum Credentials {
    /// Finds the key in a request's fields.
    ///
    /// The first of: bearer, bare `Authorization`, basic with the key as user or password, `api-key`, `x-api-key`. A key
    /// may contain spaces.
    static func key(in fields: Fields) -> Secret? {
        if let authorization = fields["authorization"]?.trimmingOptionalWhitespace, !authorization.isEmpty {
            return key(inAuthorization: authorization)
        }
        for name in ["api-key", "x-api-key"] {
            if let key = fields[name]?.trimmingOptionalWhitespace, !key.isEmpty { return Secret(String(key)) }
        }
        return nil
    }

    /// What a message may show of a wrong key: enough to recognise it by, too little to use.
    static func hint(of key: Secret) -> String {
        let text = key.reveal()
        return text.count < 16 ? "•••" : "\(text.prefix(12))…\(text.suffix(2))"
    }

    private static func key(inAuthorization authorization: Substring) -> Secret? {
        let end = authorization.utf8.firstIndex(of: UInt8(ascii: " ")) ?? authorization.endIndex
        let scheme = authorization[..<end]
        let rest = authorization[end...].trimmingOptionalWhitespace
        if scheme.equalsIgnoringASCIICase("bearer") { return rest.isEmpty ? nil : Secret(String(rest)) }
        if scheme.equalsIgnoringASCIICase("basic") {
            var decoder = Base64Decoder()
            var bytes: [UInt8] = []
            guard (try? decoder.decode(Array(rest.utf8).span, into: &bytes)) != nil,
                (try? decoder.finish(into: &bytes)) != nil
            else { return nil }
            let parts = String(decoding: bytes, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.first { !$0.isEmpty }.map { Secret(String($0)) }
        }
        return Secret(String(authorization))
    }
}

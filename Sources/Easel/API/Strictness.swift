import HTTP

/// Whether a client wants a 400 for what would otherwise be adjusted or left out.
enum Strictness {
    /// Reads the `Easel-Strict` field, which an owner's word for all clients goes before.
    ///
    /// - Throws: A 400 for any word but `true` and `false`: whoever misspells it would believe to have been obeyed.
    static func isWanted(_ fields: Fields, byOwner isOwners: Bool) throws(GatewayError) -> Bool {
        guard let word = fields["easel-strict"]?.trimmingOptionalWhitespace else { return isOwners }
        if word.equalsIgnoringASCIICase("true") { return true }
        guard word.equalsIgnoringASCIICase("false") else {
            throw .invalid("Easel-Strict", "Invalid 'Easel-Strict': it must be 'true' or 'false'.")
        }
        return isOwners
    }
}

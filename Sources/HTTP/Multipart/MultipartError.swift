/// What is wrong with a multipart body.
package struct MultipartError: Error, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The body breaks a rule of its format.
        case malformed
        /// The body ends before its closing boundary.
        case truncated
        /// The body goes beyond one of ``MultipartLimits``.
        case overLimit
    }

    package var kind: Kind
    /// A clause without its full stop, such as `part 2: Content-Disposition has no name`.
    package var reason: String

    package init(_ kind: Kind, _ reason: String) {
        self.kind = kind
        self.reason = reason
    }
}

extension MultipartError: CustomStringConvertible {
    package var description: String { reason }
}

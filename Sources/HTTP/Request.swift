/// The head of a request: everything before its body (RFC 9112, section 3).
package struct Request: Sendable, Hashable {
    package var method: Method
    /// The request target as it was sent, percent-encoding and query included.
    package var target: String
    package var fields: Fields

    package init(method: Method, target: String, fields: Fields = [:]) {
        self.method = method
        self.target = target
        self.fields = fields
    }

    /// The path of the target, still percent-encoded; of an absolute target, the part after the authority.
    package var path: Substring {
        let end = target.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
        let withoutQuery = target[..<(end ?? target.endIndex)]
        guard withoutQuery.utf8.first != UInt8(ascii: "/"), let scheme = withoutQuery.firstRange(of: "://") else {
            return withoutQuery
        }
        let authority = withoutQuery[scheme.upperBound...]
        guard let slash = authority.firstIndex(of: "/") else { return "/" }
        return authority[slash...]
    }

    /// The query of the target without its question mark, still percent-encoded.
    package var query: Substring? {
        guard let mark = target.firstIndex(of: "?") else { return nil }
        return target[target.index(after: mark)...]
    }
}

import CCurl
import HTTP

/// An absolute URL as libcurl understands it, so that what is judged is what is connected to.
struct TargetURL {
    /// Who answers for a URL: credentials go no further (RFC 9110, section 4.3.1).
    struct Origin: Hashable {
        var scheme: String
        var host: String
        var port: String
    }

    struct Invalid: Error, Equatable {
        let reason: String
    }

    let text: String
    let origin: Origin
    /// What libcurl has read already; `nil` for an address with a zone, which it loses when it copies what it has read.
    let parts: URLParts?

    init(_ text: String) throws(Invalid) {
        try self.init(text, relativeTo: nil)
    }

    /// What a `Location` field means, coming from here.
    func resolving(_ reference: String) throws(Invalid) -> TargetURL {
        // libcurl puts a relative one together anew; one that is complete stays as it was signed.
        let isComplete = ["http://", "https://"].contains { reference.prefix($0.count).equalsIgnoringASCIICase($0) }
        return try TargetURL(reference, relativeTo: isComplete ? nil : text)
    }

    private init(_ text: String, relativeTo base: String?) throws(Invalid) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw Invalid(reason: "it contains a space or a control character")
        }
        let parts = try URLParts()
        if let base { try parts.set(base) }
        try parts.set(text)
        let scheme = parts[CURLUPART_SCHEME] ?? ""
        guard scheme == "http" || scheme == "https" else {
            throw Invalid(reason: "it must begin with http:// or https://")
        }
        guard let host = parts[CURLUPART_HOST], let port = parts[CURLUPART_PORT] else {
            throw Invalid(reason: "it names no host")
        }
        origin = Origin(scheme: scheme, host: host.lowercased(), port: port)
        self.text = base == nil ? text : parts[CURLUPART_URL] ?? text
        self.parts = parts[CURLUPART_ZONEID] == nil ? parts : nil
    }

    /// The URL as far as it may be shown: no query, no fragment, and not without end.
    var shown: Substring { text.prefix { $0 != "?" && $0 != "#" }.prefix(Self.maxShownLength) }

    private static let maxShownLength = 256
}

/// Owns a `CURLU *`.
@safe
final class URLParts {
    let handle: OpaquePointer

    init() throws(TargetURL.Invalid) {
        guard let handle = unsafe curl_url() else { throw TargetURL.Invalid(reason: "out of memory") }
        unsafe self.handle = handle
    }

    /// Reads a URL; a second one is taken as relative to the first.
    func set(_ url: String) throws(TargetURL.Invalid) {
        let flags = CUnsignedInt(CURLU_PATH_AS_IS | CURLU_DISALLOW_USER)
        let code = unsafe curl_url_set(handle, CURLUPART_URL, url, flags)
        guard code == CURLUE_OK else {
            throw TargetURL.Invalid(reason: unsafe String(cString: curl_url_strerror(code)).lowercased())
        }
    }

    subscript(part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let flags = part == CURLUPART_PORT ? CUnsignedInt(CURLU_DEFAULT_PORT) : 0
        guard unsafe curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text = unsafe text else { return nil }
        defer { unsafe curl_free(text) }
        return unsafe String(cString: text)
    }

    deinit { unsafe curl_url_cleanup(handle) }
}

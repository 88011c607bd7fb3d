import HTTP
import HTTPServer

/// Lets browsers use the API (Fetch standard, CORS): every origin, since the key is what protects it.
enum CrossOrigin {
    /// Answers a preflight on any path; what the browser wants to send is reflected, for a fixed list is always too short.
    static func preflight(_ request: Request) -> Response {
        var response = Response(.noContent)
        response.fields["access-control-allow-methods"] = "GET, POST, DELETE, OPTIONS"
        response.fields["access-control-allow-headers"] =
            request.fields["access-control-request-headers"] ?? "*, Authorization"
        response.fields["access-control-max-age"] = "86400"
        response.fields["vary"] = "Origin, Access-Control-Request-Headers"
        return response
    }

    /// Whether a request comes from a page in a browser.
    static func isMeant(by request: Request) -> Bool { request.fields["origin"] != nil }

    /// Adds what a browser needs to see of an answer, errors included.
    static func allow(_ response: inout Response) {
        response.fields["access-control-allow-origin"] = "*"
        response.fields["access-control-expose-headers"] =
            """
            x-request-id, retry-after, retry-after-ms, x-should-retry, openai-processing-ms, location, easel-replayed, \
            preference-applied, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, \
            x-ratelimit-limit-images, x-ratelimit-remaining-images, x-ratelimit-reset-images
            """
    }
}

import HTTP
import HTTPServer
import JSON

extension Response {
    static func json(_ value: JSONValue, status: Status = .ok) -> Response {
        Response(
            status, fields: ["content-type": "application/json", "cache-control": "no-store"],
            body: .bytes(value.encoded()))
    }

    /// The one place where a failure becomes HTTP.
    init(_ error: GatewayError) {
        self = .json(["error": error.json], status: error.status)
        if let delay = error.retryAfter {
            let milliseconds = max(0, delay.milliseconds)
            fields["retry-after"] = String((milliseconds + 999) / 1000)
            fields["retry-after-ms"] = String(milliseconds)
        }
        if let shouldRetry = error.shouldRetry { fields["x-should-retry"] = shouldRetry ? "true" : "false" }
        if !error.allowedMethods.isEmpty {
            fields["allow"] = (error.allowedMethods.flatMap { $0 == .get ? [.get, .head] : [$0] } + [.options]).map(
                \.rawValue
            ).joined(separator: ", ")
        }
        if error.status == .unauthorized { fields["www-authenticate"] = "Bearer" }
        fields["location"] = error.location
        fields["x-upstream-request-id"] = error.upstreamRequestID
    }
}

extension JSONValue {
    /// The value as compact JSON text.
    var text: String { String(decoding: encoded(), as: UTF8.self) }
}

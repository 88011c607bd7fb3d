import HTTP
import HTTPServer
import JSON
import LibEvent

/// Reads a request's body into values; what is large goes to disk while it arrives.
@EventLoop
final class BodyReader {
    private let spool: Spool
    /// Bytes.
    private let lengthLimit: Int

    init(spool: Spool, lengthLimit: Int) {
        self.spool = spool
        self.lengthLimit = lengthLimit
    }

    /// `hold` is what holds room for the body.
    func read(
        _ request: Request, _ body: RequestBody, _ hold: BytesInFlight.Hold
    ) async throws(GatewayError) -> RequestValues {
        if let encoding = request.fields["content-encoding"], !encoding.equalsIgnoringASCIICase("identity") {
            throw .unsupportedMediaType("The body is encoded as '\(encoding)'. Send it as it is.")
        }
        body.limit = lengthLimit
        let form = try form(request.fields["content-type"])
        do {
            let source = try MeteredBody(body, hold)
            var values = try await read(form, source)
            values.hold = hold
            return values
        } catch {
            throw translated(error)
        }
    }

    private func read(_ form: MediaType?, _ body: MeteredBody) async throws -> RequestValues {
        if let form { return try await spool.receiveForm(body, type: form, limit: lengthLimit) }
        let whole = try body.whole() ?? []
        if !whole.isEmpty, whole.count <= Spool.inlineLength {
            return try values(of: try SpooledJSON(parsing: whole, .strict))
        }
        return try values(of: try await spool.receiveJSON(whole, then: body, limit: lengthLimit))
    }

    /// The type of a form; `nil` for that of a JSON text.
    private func form(_ contentType: String?) throws(GatewayError) -> MediaType? {
        // As nearly every client writes it.
        if contentType == "application/json" { return nil }
        let type = contentType.flatMap { MediaType($0) }
        if let type, type.matches(.multipartFormData) { return type }
        // `curl -d` without a header says form where it means JSON; a missing type means JSON too.
        guard type.map(\.mayBeJSON) ?? true else {
            throw .unsupportedMediaType(
                "Unsupported Content-Type. Send application/json, or multipart/form-data with files.")
        }
        return nil
    }

    private func values(of json: SpooledJSON) throws(GatewayError) -> RequestValues {
        guard let object = json.value.object else {
            throw .malformedBody("expected a JSON object, but got \(json.value.kind)")
        }
        return RequestValues(
            entries: object.members.map { ($0.name, .json($0.value)) }, externals: json.files, bodyLength: json.length)
    }

    /// Not inlined: its caller waits, and what is needed here would take up memory meanwhile.
    @inline(never)
    private func translated(_ error: any Error) -> GatewayError {
        switch error {
        case let error as GatewayError: error
        case let error as BodyError: translated(error)
        case let error as SpoolError: translated(error)
        default: .malformedBody("\(error)")
        }
    }

    private func translated(_ error: BodyError) -> GatewayError {
        switch error {
        case .clientLeft: .malformedBody("the connection ended before the body was complete")
        case .timedOut: .requestTimeout()
        case .malformed(let rejection):
            GatewayError(status: rejection.status, code: rejection.code, message: rejection.message)
        case .tooLarge(let limit): .tooLarge("The request's body", limit: "\(limit) bytes", setting: "limits.body")
        }
    }

    private func translated(_ error: SpoolError) -> GatewayError {
        switch error {
        case .tooLarge(let limit): .tooLarge("The request's body", limit: "\(limit) bytes", setting: "limits.body")
        case .malformed(let reason): .malformedBody(reason)
        case .disk: .uploadNotStored(error)
        }
    }
}

extension MediaType {
    /// JSON by name, or one of the types that clients send it under by mistake.
    fileprivate var mayBeJSON: Bool {
        matches(.json) || subtype.hasSuffix("+json") || Self.mistakenForJSON.contains(where: matches)
    }

    private static let mistakenForJSON = [plainText, octetStream, MediaType("application", "x-www-form-urlencoded")]
}

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
        do {
            let source = try MeteredBody(body, hold)
            var values = try await read(request.fields["content-type"].flatMap { MediaType($0) }, source)
            values.hold = hold
            return values
        } catch let error as GatewayError {
            throw error
        } catch let error as BodyError {
            throw translated(error)
        } catch let error as SpoolError {
            throw translated(error)
        } catch {
            throw .malformedBody("\(error)")
        }
    }

    private func read(_ type: MediaType?, _ body: MeteredBody) async throws -> RequestValues {
        if let type, type.matches(.multipartFormData) {
            return try await spool.receiveForm(body, type: type, limit: lengthLimit)
        }
        // `curl -d` without a header says form where it means JSON; a missing type means JSON too.
        guard type.map(\.mayBeJSON) ?? true else {
            throw GatewayError.unsupportedMediaType(
                "Unsupported Content-Type. Send application/json, or multipart/form-data with files.")
        }
        let json = try await spool.receiveJSON(then: body, limit: lengthLimit)
        guard let object = json.value.object else {
            throw GatewayError.malformedBody("expected a JSON object, but got \(json.value.kind)")
        }
        return RequestValues(
            entries: object.members.map { ($0.name, .json($0.value)) }, externals: json.files, bodyLength: json.length)
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
        case .disk(let error): .internalFailure("The upload could not be stored: \(error).")
        }
    }
}

extension MediaType {
    /// JSON by name, or one of the types that clients send it under by mistake.
    fileprivate var mayBeJSON: Bool {
        let names = [MediaType.json, .plainText, .octetStream, MediaType("application", "x-www-form-urlencoded")]
        return names.contains(where: matches) || subtype.lowercased().hasSuffix("+json")
    }
}

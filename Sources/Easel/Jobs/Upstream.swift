import Files
import HTTP
import HTTPClient
import Imaging
import JSON
import LibEvent

/// A way to speak with one provider.
@EventLoop
protocol ProviderConnection: AnyObject, Sendable {
    var provider: Configuration.Provider { get }

    /// Sends a request that may cost money, once; waits for its turn first, and lets it go if `cancellation` comes before.
    func submit(
        _ request: UpstreamRequest, unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Upstream.Received

    /// Does the same, and lets a follower see what the answer shows before it is complete.
    func submit(
        _ request: UpstreamRequest, following follower: StreamFollower?, unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Upstream.Received

    /// Sends a request that costs nothing, such as a question about a task.
    func ask(_ request: UpstreamRequest) async throws(ClientError) -> Upstream.Received
}

extension ProviderConnection {
    /// What a connection does that has nothing to show.
    func submit(
        _ request: UpstreamRequest, following follower: StreamFollower?, unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Upstream.Received {
        try await submit(request, unless: cancellation)
    }
}

/// A configured provider, ready to be spoken to.
@EventLoop
final class Upstream: ProviderConnection {
    let provider: Configuration.Provider
    private let client: HTTPClient
    let spool: Spool
    private let gate: Gate

    /// The longest answer that is read, in bytes: ten images of 32 MB in base64 and their JSON.
    static let answerLimit = 512 * 1024 * 1024
    /// How long a provider may take to accept a connection.
    static let connectTimeout = Duration.seconds(10)
    /// How long an answer that has begun, or a request's body, may stand still.
    static let idleTimeout = Duration.seconds(120)
    /// How much of an answer that is neither JSON nor an image is kept to explain it, in bytes.
    static let textLimit = 4096

    init(_ provider: Configuration.Provider, client: HTTPClient, spool: Spool) {
        self.provider = provider
        self.client = client
        self.spool = spool
        gate = Gate(width: provider.concurrency)
    }

    /// An answer, and the files that its images became.
    struct Received: Sendable {
        var answer: Answer
        var files: [SpooledFile] = []
    }

    func submit(
        _ request: UpstreamRequest, unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Received {
        try await submit(request, following: nil, unless: cancellation)
    }

    func submit(
        _ request: UpstreamRequest, following follower: StreamFollower?, unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Received {
        let isEntered = await gate.enter(unless: cancellation)
        defer { if isEntered { gate.leave() } }
        guard isEntered, cancellation.value == nil else {
            throw .gateway(.overload, "The job was to stop before its turn came.", boughtNothing: true)
        }
        do throws(ClientError) { return try await send(request, follower) } catch { throw ProviderFailure(error) }
    }

    func ask(_ request: UpstreamRequest) async throws(ClientError) -> Received { try await send(request, nil) }

    /// Sends one request and reads its answer whole.
    private func send(_ request: UpstreamRequest, _ follower: StreamFollower?) async throws(ClientError) -> Received {
        let response = try await client.send(
            ClientRequest(
                method: request.method, url: request.url, fields: request.fields, body: try await body(of: request),
                limits: TransferLimits(
                    connect: Self.connectTimeout, head: provider.timeout,
                    // A stream begins at once and is silent while the provider thinks.
                    idle: follower == nil ? Self.idleTimeout : provider.timeout, total: provider.timeout,
                    maxBodyBytes: Self.answerLimit)))
        do {
            return try await receive(response, follower)
        } catch let error as ClientError {
            throw error
        } catch let SpoolError.tooLarge(limit) {
            throw ClientError(.bodyTooLarge(limit: limit), reached: .maybe, request: request.description)
        } catch {
            throw ClientError(.malformedResponse("\(error)"), reached: .maybe, request: request.description)
        }
    }

    /// The body as it will be sent: images are read from their files on the way.
    private func body(of request: UpstreamRequest) async throws(ClientError) -> ClientRequest.Body {
        guard let first = request.body.first else { return .none }
        if case .bytes(let bytes) = first, request.body.count == 1 { return .bytes(bytes) }
        let segments = request.body.map { segment -> Segment in
            switch segment {
            case .bytes(let bytes): .bytes(bytes)
            case .file(let file): .file(path: file.path)
            case .base64(let file): .base64(path: file.path)
            }
        }
        do throws(FileError) {
            let source = try await SegmentSource(segments)
            return .stream(source, length: source.length)
        } catch {
            throw ClientError(.requestBodyFailed("\(error)"), reached: .no, request: request.description)
        }
    }

    /// Tells an answer's kind by its first bytes, since types are often wrong, and reads it accordingly.
    private func receive(_ response: ClientResponse, _ follower: StreamFollower?) async throws -> Received {
        let (status, fields) = (response.status.rawValue, response.fields)
        guard let first = try await response.body.next() else {
            return Received(answer: Answer(status: status, fields: fields, body: .empty))
        }
        switch first.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""):
            return try await receiveJSONOrText(first, response)
        case _ where fields["content-type"]?.hasPrefix("image/") == true || first.isImageStart:
            let file = try await spool.receiveFile(first, then: response.body, limit: Self.answerLimit)
            let type = file.header?.format.mediaType ?? "application/octet-stream"
            return Received(
                answer: Answer(status: status, fields: fields, body: .image(mediaType: type)), files: [file])
        default:
            if let follower, response.isEventStream { return try await receiveEvents(first, response, follower) }
            let text = String(decoding: first.prefix(Self.textLimit), as: UTF8.self)
            return Received(answer: Answer(status: status, fields: fields, body: .text(text)))
        }
    }

    /// What is not JSON after all is kept as text, for the dialect to make sense of.
    private func receiveJSONOrText(_ first: [UInt8], _ response: ClientResponse) async throws -> Received {
        let (status, fields) = (response.status.rawValue, response.fields)
        do {
            // Half an emoji in a prompt that is told back must not cost a paid image.
            let json = try await spool.receiveJSON(
                first, then: response.body, limit: Self.answerLimit, strictness: .forgiving, waitsForRoom: true)
            return Received(answer: Answer(status: status, fields: fields, body: .json(json.value)), files: json.files)
        } catch SpoolError.malformed {
            let text = String(decoding: first.prefix(Self.textLimit), as: UTF8.self)
            return Received(answer: Answer(status: status, fields: fields, body: .text(text)))
        }
    }
}

extension [UInt8] {
    /// Whether the bytes begin as PNG, JPEG, GIF, WebP or BMP do.
    fileprivate var isImageStart: Bool {
        [
            [0x89, 0x50, 0x4E, 0x47], [0xFF, 0xD8, 0xFF], [0x47, 0x49, 0x46, 0x38], [0x52, 0x49, 0x46, 0x46],
            [0x42, 0x4D],
        ]
        .contains { starts(with: $0) }
    }
}

extension ProviderFailure {
    /// A failure to speak with the provider at all.
    init(_ error: ClientError) {
        let neverThere = error.reached == .no
        let isTimeout = if case .timedOut = error.kind { true } else { false }
        self = .gateway(
            neverThere ? .overload : isTimeout ? .timeout : .malformed,
            neverThere
                ? "The provider could not be reached: \(error.kind)."
                : "The connection to the provider failed after the request was sent: \(error.kind).",
            boughtNothing: neverThere)
    }
}

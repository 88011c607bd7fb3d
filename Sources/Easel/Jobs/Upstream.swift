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
    /// How long nothing that costs money will be sent there; `nil` when something can be.
    var pause: Duration? { get }

    /// Sends a request that may cost money, once; waits for its turn first, and lets it go if `cancellation` comes before.
    ///
    /// It waits only behind as many of another API key's requests as of this one's. The follower sees what the answer
    /// shows before it is complete. The request is handed over, for it need not be kept while its answer is waited for.
    func submit(
        _ request: consuming UpstreamRequest, for keyID: String, following follower: StreamFollower?,
        unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Upstream.Reply

    /// Sends a request that costs nothing, such as a question about a task.
    func ask(_ request: UpstreamRequest) async throws(ClientError) -> Upstream.Received

    /// Hears what became of a task that the provider had taken into its queue; without a failure it is done.
    func taskEnded(_ failure: ProviderFailure?)
}

/// A configured provider, ready to be spoken to.
@EventLoop
final class Upstream: ProviderConnection {
    let provider: Configuration.Provider
    private let client: HTTPClient
    let spool: Spool
    private let traffic: ProviderTraffic
    private let polls = Gate(width: pollConcurrency)

    /// The longest answer that is read, in bytes: ten images of 32 MB in base64 and their JSON.
    static let answerLimit = 512 * 1024 * 1024
    /// How many polls may be under way at once: enough for every task to be asked about, few enough to be no flood.
    static let pollConcurrency = 256
    /// How much of an answer that is neither JSON nor an image is kept to explain it, in bytes.
    static let textLimit = 4096

    init(_ provider: Configuration.Provider, client: HTTPClient, spool: Spool, traffic: ProviderTraffic) {
        self.provider = provider
        self.client = client
        self.spool = spool
        self.traffic = traffic
    }

    var pause: Duration? { traffic.pause }

    func taskEnded(_ failure: ProviderFailure?) { traffic.taskEnded(failure) }

    /// An answer, and the files that its images became.
    final class Received: Sendable {
        let answer: Answer
        let files: [SpooledFile]

        init(answer: Answer, files: [SpooledFile] = []) {
            self.answer = answer
            self.files = files
        }
    }

    /// The answer to an order, and what it says.
    final class Reply: Sendable {
        let received: Received
        let outcome: Outcome

        init(_ received: Received, by dialect: Dialect) {
            self.received = received
            outcome = dialect.outcome(of: received.answer)
        }
    }

    func submit(
        _ request: consuming UpstreamRequest, for keyID: String, following follower: StreamFollower?,
        unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Reply {
        let pass = try await traffic.enter(for: keyID, unless: cancellation)
        do throws(ClientError) {
            return leave(pass, with: try await send(consume request, answerWithin: provider.timeout, follower))
        } catch {
            leave(pass, error)
            throw ProviderFailure(error)
        }
    }

    /// Not inlined: what a verdict takes would take up memory for as long as the answer is waited for.
    @inline(never)
    private func leave(_ pass: ProviderTraffic.Pass, with received: Received) -> Reply {
        let reply = Reply(received, by: provider.dialect)
        traffic.leave(pass, Verdict(.success(reply.outcome)))
        return reply
    }

    @inline(never)
    private func leave(_ pass: ProviderTraffic.Pass, _ error: ClientError) {
        traffic.leave(pass, Verdict(.failure(error)))
    }

    /// Neither the queue nor the breaker keeps it from its work: what it asks about is paid for.
    func ask(_ request: UpstreamRequest) async throws(ClientError) -> Received {
        await polls.enter()
        defer { polls.leave() }
        return try await send(request, answerWithin: provider.pollTimeout, nil)
    }

    /// Sends one request and reads its answer whole.
    ///
    /// Not inlined: the two frames fit pieces of the stack that one of both would leave empty.
    @inline(never)
    private func send(
        _ request: consuming UpstreamRequest, answerWithin: Duration, _ follower: StreamFollower?
    ) async throws(ClientError) -> Received {
        let exchange = try await begin(consume request, answerWithin: answerWithin, isFollowed: follower != nil)
        await exchange.headArrived()
        return try await received(exchange, follower)
    }

    @inline(never)
    private func begin(
        _ request: consuming UpstreamRequest, answerWithin: Duration, isFollowed: Bool
    ) async throws(ClientError) -> Exchange {
        let body = if let body = request.bodyInMemory { body } else { try await body(of: request) }
        return try client.begin(
            ClientRequest(
                method: request.method, url: request.url, fields: request.fields, body: body,
                limits: TransferLimits(
                    connect: provider.connectTimeout, head: answerWithin,
                    // A stream begins at once and is silent while the provider thinks.
                    idle: isFollowed ? provider.timeout : provider.idleTimeout, total: provider.timeout,
                    maxBodyBytes: Self.answerLimit)))
    }

    /// Reads an answer whose head is there.
    ///
    /// Not inlined, as nothing is that only begins or ends a long wait: it would take up memory all the while.
    @inline(never)
    private func received(
        _ exchange: Exchange, _ follower: StreamFollower?
    ) async throws(ClientError) -> Received {
        do {
            return try await receive(exchange.response(), follower)
        } catch let error as ClientError {
            throw error
        } catch let SpoolError.tooLarge(limit) {
            throw exchange.error(.bodyTooLarge(limit: limit))
        } catch {
            throw exchange.error(.malformedResponse("\(error)"))
        }
    }

    private func body(of request: UpstreamRequest) async throws(ClientError) -> ClientRequest.Body {
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
            let reason = "\(spool.refusal(error))"
            throw ClientError(.requestBodyFailed(reason), reached: .no, request: request.description)
        }
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    /// Tells an answer's kind by its first bytes, since types are often wrong, and reads it accordingly.
    private func receive(_ response: ClientResponse, _ follower: StreamFollower?) async throws -> Received {
        let (status, fields) = (response.status.rawValue, response.fields)
        guard let first = try await response.body.next() else {
            return Received(answer: Answer(status: status, fields: fields, body: .empty))
        }
        let text = first.starts(with: Self.byteOrderMark) ? first.dropFirst(Self.byteOrderMark.count) : first[...]
        switch text.first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""):
            return try await receiveJSONOrText(first, response)
        case _ where fields["content-type"]?.hasPrefix("image/") == true || first.isImageStart:
            let file = try await spool.receiveFile(
                first, then: response.body, limit: Self.answerLimit, waitsForDisk: true)
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
                first, then: response.body, limit: Self.answerLimit, strictness: .forgiving, waitsForDisk: true)
            return Received(answer: Answer(status: status, fields: fields, body: .json(json.value)), files: json.files)
        } catch SpoolError.malformed {
            let text = String(decoding: first.prefix(Self.textLimit), as: UTF8.self)
            return Received(answer: Answer(status: status, fields: fields, body: .text(text)))
        }
    }
}

extension UpstreamRequest {
    /// The body as it will be sent, where no file is part of it.
    fileprivate var bodyInMemory: ClientRequest.Body? {
        guard let first = body.first else { return ClientRequest.Body.none }
        return if case .bytes(let bytes) = first, body.count == 1 { .bytes(bytes) } else { nil }
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

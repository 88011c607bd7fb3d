import HTTP
import HTTPClient
import LibEvent

/// Fetches results from the addresses that providers give.
@EventLoop
protocol ResultFetcher: AnyObject, Sendable {
    func fetch(_ url: String) async throws(FetchFailure) -> SpooledFile
}

/// Fetches addresses that came from outside: results from providers, input images from clients.
///
/// The client it uses refuses private addresses at the moment of connecting, on every hop.
@EventLoop
final class Fetcher: ResultFetcher {
    private let client: HTTPClient
    private let spool: Spool
    /// The most one file may have, in bytes.
    private let lengthLimit: Int
    /// How long one try may take.
    private let timeout: Duration
    /// Whether a file that comes encoded, though nobody asked for that, is decoded.
    private let decodes: Bool

    /// Hops that a download may take.
    static let redirectLimit = 5
    /// How much of an encoding's name is told, in characters.
    private static let encodingLimit = 40

    init(
        client: HTTPClient, spool: Spool, lengthLimit: Int, timeout: Duration = Configuration.defaultDownloadTimeout,
        decodes: Bool = true
    ) {
        self.client = client
        self.spool = spool
        self.lengthLimit = lengthLimit
        self.timeout = timeout
        self.decodes = decodes
    }

    /// Downloads an address to a spooled file.
    ///
    /// With `GET` alone: signatures often cover the method, so `HEAD` would fail.
    func fetch(_ url: String) async throws(FetchFailure) -> SpooledFile {
        let response: ClientResponse
        do throws(ClientError) {
            response = try await client.send(
                ClientRequest(
                    method: .get, url: url, fields: ["accept": "image/*,*/*;q=0.5"], body: .none,
                    limits: TransferLimits(
                        connect: .seconds(10), head: .seconds(30), idle: .seconds(30), total: timeout,
                        maxBodyBytes: lengthLimit), redirects: Self.redirectLimit, decodes: decodes))
        } catch {
            throw FetchFailure(error)
        }
        guard response.status == .ok else {
            throw FetchFailure(
                reason: "the server answered \(response.status.rawValue) \(response.status.reasonPhrase)",
                isFinal: [400, 401, 405, 410].contains(response.status.rawValue),
                isLikelyGone: [403, 404].contains(response.status.rawValue))
        }
        if !decodes, let encoding = response.fields["content-encoding"],
            !encoding.equalsIgnoringASCIICase("identity")
        {
            throw FetchFailure(
                reason: "the server encodes it as '\(encoding.prefix(Self.encodingLimit))', which nobody asked for",
                isFinal: true)
        }
        do {
            return try await spool.receiveFile(then: response.body, limit: lengthLimit)
        } catch let error as SpoolError {
            throw FetchFailure(error)
        } catch let error as ClientError {
            throw FetchFailure(error)
        } catch {
            throw FetchFailure(reason: "\(error)", isFinal: false)
        }
    }
}

/// Why a download failed, and whether another try could go better.
struct FetchFailure: Error, Sendable, CustomStringConvertible {
    var reason: String
    /// Another try will not go better.
    var isFinal: Bool
    /// The file is not there: not yet, or no more.
    var isLikelyGone = false
    /// What only the log is told, for clients need not know the gateway's paths.
    var detail: String?

    var description: String { reason }

    init(reason: String, detail: String? = nil, isFinal: Bool, isLikelyGone: Bool = false) {
        self.reason = reason
        self.detail = detail
        self.isFinal = isFinal
        self.isLikelyGone = isLikelyGone
    }

    init(_ error: ClientError) {
        var reason = "\(error.kind)"
        if case .addressRefused = error.kind { reason += "; the gateway's owner can name others in 'allow_private'" }
        self.init(reason: reason, isFinal: error.isFinal)
    }

    init(_ error: SpoolError) {
        switch error {
        case .tooLarge(let limit): self.init(reason: "it is longer than \(limit) bytes", isFinal: true)
        case .malformed(let reason): self.init(reason: reason, isFinal: true)
        case .disk(let error):
            self.init(reason: "the gateway's disk refused it", detail: "\(error)", isFinal: false)
        }
    }
}

extension ClientError {
    /// Whether the same download would end the same way again.
    fileprivate var isFinal: Bool {
        switch kind {
        case .invalidURL, .invalidRequest, .addressRefused, .bodyTooLarge, .tooManyRedirects, .redirectRefused: true
        case .cancelled, .unresolvable, .connectFailed, .tlsFailed, .timedOut, .connectionLost, .malformedResponse,
            .requestBodyFailed, .other:
            false
        }
    }
}

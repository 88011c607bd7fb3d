import Crypto
import Files
import HTTP
import HTTPServer
import LibEvent

/// Serves images, stored ones and published inputs: no key, for the link itself is the capability (RFC 9110, sections 13
/// and 14).
@EventLoop
final class FileServer {
    private let ledger: Ledger
    private let blobs: BlobStore
    private let published: PublishedInputs
    private let log: Log

    /// An image never changes under its link.
    static let cacheControl = "public, max-age=31536000, immutable"

    init(ledger: Ledger, blobs: BlobStore, published: PublishedInputs, log: Log) {
        self.ledger = ledger
        self.blobs = blobs
        self.published = published
        self.log = log
    }

    /// The text of a stored image in base64, as a part of an answer: of a file it is made while it is sent.
    ///
    /// - Throws: That the ledger cannot be read, or has the image no more.
    func encoded(_ image: ImageRecord) async throws -> Segment {
        switch image.blob.content {
        case .file: return .base64(path: blobs.path(of: image.blob.digest), length: image.blob.length)
        case .bytes(let bytes): return .bytes(Self.base64(bytes))
        case .ledger:
            guard case .bytes(let bytes)? = try await ledger.image(token: image.token)?.blob.content else {
                throw Self.gone
            }
            return .bytes(Self.base64(bytes))
        }
    }

    private nonisolated static func base64(_ bytes: [UInt8]) -> [UInt8] {
        var (text, encoder) = ([UInt8](), Base64Encoder())
        text.reserveCapacity(Base64Encoder.length(of: bytes.count) ?? 0)
        encoder.encode(bytes.span, into: &text)
        encoder.finish(into: &text)
        return text
    }

    nonisolated static func fileExtension(of mediaType: String) -> String {
        mediaType == "image/jpeg" ? "jpg" : String(mediaType.drop { $0 != "/" }.dropFirst())
    }

    /// Serves a stored image.
    func serve(
        _ token: String, _ fileExtension: String, _ request: Request
    ) async throws(GatewayError) -> Response {
        guard let image = try await image(token), Self.fileExtension(of: image.blob.mediaType) == fileExtension else {
            throw Self.gone
        }
        let tag = EntityTag(image.blob.digest.description)
        var fields = Self.fields
        fields["etag"] = "\(tag)"
        fields["cache-control"] = Self.cacheControl
        if let condition = request.fields["if-none-match"], tag.matches(ifNoneMatch: condition) {
            return Response(.notModified, fields: fields)
        }
        fields["content-type"] = image.blob.mediaType
        if case .bytes(let bytes) = image.blob.content {
            return Self.response(with: .bytes(bytes), fields, tag, to: request)
        }
        return Self.response(with: .file(try await open(image)), fields, tag, to: request)
    }

    /// Opens a stored image, which is sent only as it was stored.
    private func open(_ image: ImageRecord) async throws(GatewayError) -> OpenFile {
        let path = blobs.path(of: image.blob.digest)
        let file: OpenFile
        do throws(FileError) {
            file = try await blocking { () throws(FileError) in try OpenFile(path: path) }
        } catch {
            // It may have been forgotten in this very moment.
            guard try await self.image(image.token) != nil else { throw Self.gone }
            log.error(
                "stored image cannot be read",
                ["request.id": image.jobID, "sha256": "\(image.blob.digest)", "error": "\(error)"])
            throw error.isMissing ? .missingImage() : .internalFailure("This image cannot be read from disk for now.")
        }
        guard file.length == image.blob.length else {
            log.error(
                "stored image is damaged",
                [
                    "request.id": image.jobID, "sha256": "\(image.blob.digest)", "path": path,
                    "bytes": "\(file.length)", "bytes.stored": "\(image.blob.length)",
                ])
            throw .damagedImage()
        }
        return file
    }

    /// Serves an input image to the provider that works on it; nobody is to keep it.
    func serveInput(
        _ token: String, _ fileExtension: String, _ request: Request
    ) async throws(GatewayError) -> Response {
        guard let image = published[token, fileExtension] else { throw Self.withdrawn }
        var fields = Self.fields
        fields["cache-control"] = "no-store"
        fields["content-type"] = image.mediaType
        let file: OpenFile
        do throws(FileError) {
            file = try await blocking { () throws(FileError) in try OpenFile(path: image.path) }
        } catch {
            log.error("published input cannot be read", ["error": "\(error)"])
            throw Self.withdrawn
        }
        return Self.response(with: .file(file), fields, nil, to: request)
    }

    /// Whoever opens an image, it stays an image.
    private static let fields: Fields = [
        "x-content-type-options": "nosniff", "accept-ranges": "bytes",
        "content-security-policy": "default-src 'none'; sandbox", "cross-origin-resource-policy": "cross-origin",
        "access-control-allow-origin": "*",
    ]

    /// Where the bytes are that a request is for.
    private enum Content {
        case file(OpenFile)
        case bytes([UInt8])

        var length: Int {
            switch self {
            case .file(let file): file.length
            case .bytes(let bytes): bytes.count
            }
        }

        func body(_ range: Range<Int>) -> Response.Body {
            switch self {
            case .file(let file): .file(file, range)
            case .bytes(let bytes): .bytes(range.count == bytes.count ? bytes : Array(bytes[range]))
            }
        }
    }

    /// The whole of the bytes, or the part of them that the request wants.
    private static func response(
        with content: Content, _ fields: Fields, _ tag: EntityTag?, to request: Request
    ) -> Response {
        var fields = fields
        let isRangeWanted = request.fields["if-range"].map { tag?.matches(ifRange: $0) ?? false } ?? true
        let field = isRangeWanted && request.method == .get ? request.fields["range"] : nil
        let range = field.flatMap { ByteRange($0, length: Int64(content.length)) }
        fields["content-range"] = range?.contentRange(length: Int64(content.length))
        switch range {
        case .satisfiable(let range):
            let part = Int(range.lowerBound)..<Int(range.upperBound)
            return Response(.partialContent, fields: fields, body: content.body(part.clamped(to: 0..<content.length)))
        case .unsatisfiable:
            fields["content-type"] = nil
            return Response(.rangeNotSatisfiable, fields: fields)
        case nil: return Response(.ok, fields: fields, body: content.body(0..<content.length))
        }
    }

    private func image(_ token: String) async throws(GatewayError) -> ImageRecord? {
        do { return try await ledger.image(token: token) } catch {
            log.error("cannot read the ledger", ["error": "\(error)"])
            throw .internalFailure("The gateway cannot read its database.")
        }
    }

    private static let gone = GatewayError(
        status: .notFound, code: "file_not_found",
        message:
            "There is no image at this address: it never was, or the gateway's owner keeps images for a shorter time.")

    private static let withdrawn = GatewayError(
        status: .notFound, code: "file_not_found",
        message: "There is no image at this address: input images are published only while their job runs.")
}

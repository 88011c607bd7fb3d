import Crypto
import Files
import HTTP
import HTTPServer
import LibEvent

/// Serves stored images: no key, for the link itself is the capability (RFC 9110, sections 13 and 14).
@EventLoop
final class FileServer {
    private let ledger: Ledger
    private let blobs: BlobStore
    private let log: Log

    /// An image never changes under its link.
    static let cacheControl = "public, max-age=31536000, immutable"

    init(ledger: Ledger, blobs: BlobStore, log: Log) {
        self.ledger = ledger
        self.blobs = blobs
        self.log = log
    }

    nonisolated func path(of image: ImageRecord) -> String { blobs.path(of: image.blob.digest) }

    nonisolated static func fileExtension(of mediaType: String) -> String {
        mediaType == "image/jpeg" ? "jpg" : String(mediaType.drop { $0 != "/" }.dropFirst())
    }

    func serve(
        _ token: String, _ fileExtension: String, _ request: Request
    ) async throws(GatewayError) -> Response {
        guard let image = try await image(token), Self.fileExtension(of: image.blob.mediaType) == fileExtension else {
            throw Self.gone
        }
        let tag = EntityTag(image.blob.digest.description)
        var fields: Fields = [
            "etag": "\(tag)", "cache-control": Self.cacheControl, "x-content-type-options": "nosniff",
            "accept-ranges": "bytes",
            "content-security-policy": "default-src 'none'; sandbox", "cross-origin-resource-policy": "cross-origin",
            "access-control-allow-origin": "*",
        ]
        if let condition = request.fields["if-none-match"], tag.matches(ifNoneMatch: condition) {
            return Response(.notModified, fields: fields)
        }
        fields["content-type"] = image.blob.mediaType
        let path = path(of: image)
        let file: OpenFile
        do throws(FileError) { file = try await blocking { () throws(FileError) in try OpenFile(path: path) } } catch {
            log.error("stored image cannot be read", ["request.id": image.jobID, "error": "\(error)"])
            throw Self.gone
        }
        let isRangeWanted = request.fields["if-range"].map { tag.matches(ifRange: $0) } ?? true
        let field = isRangeWanted && request.method == .get ? request.fields["range"] : nil
        let range = field.flatMap { ByteRange($0, length: Int64(file.length)) }
        fields["content-range"] = range?.contentRange(length: Int64(file.length))
        switch range {
        case .satisfiable(let range):
            return Response(
                .partialContent, fields: fields, body: .file(file, Int(range.lowerBound)..<Int(range.upperBound)))
        case .unsatisfiable:
            fields["content-type"] = nil
            return Response(.rangeNotSatisfiable, fields: fields)
        case nil: return Response(.ok, fields: fields, body: .file(file, 0..<file.length))
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
}

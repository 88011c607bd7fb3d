import Crypto
import JSON

/// A row of the table `jobs`: one request, from acceptance to its end.
struct JobRecord: Sendable {
    var id: String
    var keyID: String
    var operation: String
    var model: String
    var state: JobState
    /// JSON, as the client gave them, without prompt and images.
    var parameters: String
    var promptCharacters: Int
    var inputImages: Int
    var wantedImages: Int
    var acceptedAt: Timestamp
    var finishedAt: Timestamp?
    /// When somebody first wanted it to stop, whether or not it did.
    var stopAskedAt: Timestamp?
    /// Bytes of the request's body.
    var requestLength: Int
    /// The client's own name for its request, from `Idempotency-Key`.
    var idempotencyKey: String?
    /// A digest of everything that was asked for: equal for equal requests, however they were written.
    var fingerprint: Digest?
    var images = 0
    /// Bytes of all its images.
    var imageLength = 0
    /// The most it can cost, which its key's budget keeps free until it ends; `nil` is unknown.
    var reserved: Money?
    /// `nil` is unknown, never free.
    var cost: Money?
    /// JSON: what became of every parameter.
    var report: String?
    /// The tokens it took, as the provider counted them.
    var usage: JSONValue?
    /// Why images are missing, a reason for each.
    var missing: [String] = []
    /// JSON: the error object as the client was told.
    var error: String?
    /// The HTTP status the client was told it with.
    var errorStatus: Int?
}

/// Where a job is in its life.
enum JobState: String, Sendable, CaseIterable {
    case accepted, submitted, storing
    case done, failed, cancelled
    /// The provider may have made and charged something whose answer was lost; it is never bought again by itself.
    case unknown

    var isFinished: Bool { ![.accepted, .submitted, .storing].contains(self) }

    /// The states that are no end, as a list in SQL.
    static let unfinishedSQL = "('accepted', 'submitted', 'storing')"
}

/// A row of the table `attempts`: one try at one provider, written down before its first byte went there.
struct AttemptRecord: Sendable {
    var jobID: String
    /// From 1, in the order of trying.
    var ordinal: Int
    var provider: String
    /// The provider's name for the model.
    var model: String
    var state: State
    var submittedAt: Timestamp
    var answeredAt: Timestamp?
    var upstreamStatus: Int?
    /// The provider's own request id.
    var upstreamID: String?
    /// JSON: the queue task at the provider.
    var task: String?
    /// JSON: results that the provider has made and that are not stored yet.
    var pending: String?
    /// JSON: kind, code and the provider's words.
    var failure: String?

    enum State: String, Sendable {
        case submitted, done
        /// Ended without a purchase, provably.
        case refused
        case failed
        /// Something may have been bought, and what became of it is not known.
        case unknown

        /// How attempts end.
        static let ends = [done, refused, unknown]
    }
}

/// A row of the table `images` with its blob, or of `small_images`: one stored result.
struct ImageRecord: Sendable {
    /// The unguessable name in its link.
    var token: String
    var jobID: String
    /// Orders the images as in the answer's `data`; gaps are allowed.
    var position: Int
    var blob: BlobRecord
    var seed: Int64?
    var revisedPrompt: String?
    var createdAt: Timestamp
}

/// The bytes of an image: a row of the table `blobs`, however many results share it, or a part of one of `small_images`.
struct BlobRecord: Sendable, Hashable {
    var digest: Digest
    var mediaType: String
    /// Bytes.
    var length: Int
    /// Pixels.
    var width: Int
    var height: Int
    var content = BlobContent.file
}

/// Where the bytes of an image are.
enum BlobContent: Sendable, Hashable {
    /// In the file that their digest names.
    case file
    /// In the ledger, beside the image's row.
    case ledger
    /// Here: in the ledger as soon as the image's row is.
    case bytes([UInt8])

    /// The longest image that is kept in the ledger, in bytes; a longer one has a file.
    ///
    /// Only the length decides, however an image came.
    static let ledgerLimit = 24 << 10
}

/// A row of the table `keys`.
struct KeyRecord: Sendable {
    var id: String
    var name: String
    var prefix: String
    /// The models it may use; `nil` is every one.
    var models: [String]?
    var limits = KeyLimits()
    /// Whether the owner's file says what it is, and not a command.
    var isDeclared = false
    var createdAt: Timestamp
    var revokedAt: Timestamp?
}

/// A key as the owner's file declares it: by its digest, under a name that is its own.
struct DeclaredKey: Sendable, Hashable {
    var name: String
    var digest: Digest
    var models: [String]?
    var limits = KeyLimits()

    /// The same at every start.
    var id: String { "key_\(name)" }
    /// What it is recognised by: nobody here knows its first characters.
    var prefix: String { "sha256:\(digest.hexadecimal.prefix(8))" }
}

import Crypto
import JSON

/// What came of an attempt: its images, which are stored, and what is missing.
struct AttemptOutcome: Sendable {
    var images: [ImageRecord] = []
    /// Images that the provider delivered, and will charge for.
    var delivered = 0
    /// Images that the provider provably did not make.
    var refused = 0
    /// Images that were ordered, and of which no answer tells whether they were made.
    var doubtful = 0
    /// Why images are missing.
    var missing: [String] = []
    /// By request.
    var failures: [ProviderFailure?] = []
    var usage: JSONValue?
    /// Images on disk that are held there until they are written down.
    var held: [Digest] = []

    /// That of an attempt of which some images are stored and written down already.
    init(kept: [ImageRecord] = []) {
        images = kept
        delivered = kept.count
    }

    mutating func add(_ delivery: Delivery) {
        delivered += delivery.images.count
        refused += delivery.missing.count
        missing += delivery.missing
        usage = usage ?? delivery.usage
    }

    mutating func add(_ failure: ProviderFailure, of count: Int) {
        if failure.boughtNothing { refused += count } else { doubtful += count }
    }

    /// Images that have to be taken for charged: a budget must hold even if the provider made all it does not tell of.
    var charged: Int { delivered + doubtful }

    /// The failure that decides what may happen next, when nothing was delivered at all.
    ///
    /// One that may have cost something comes before one that would end the order anyway, and that before those after
    /// which another provider may try. What was stopped by request counts less than what was not.
    var failure: ProviderFailure? {
        guard delivered == 0 else { return nil }
        let failures = failures.compactMap(\.self)
        return failures.first { !$0.boughtNothing && !$0.isCancellation } ?? failures.first { !$0.boughtNothing }
            ?? failures.first { !$0.mayMoveOn } ?? failures.first
    }

    /// Why images are missing, those of failed requests included.
    var allMissing: [String] { missing + failures.compactMap { $0?.message } }
}

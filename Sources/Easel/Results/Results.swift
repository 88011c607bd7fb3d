import Crypto
import Files
import Imaging
import LibEvent

/// Turns what a provider delivered into stored images, whatever form it came in.
@EventLoop
final class Results {
    private let blobs: any ImageShelf
    private let fetcher: any ResultFetcher
    private let spool: Spool
    private let check: ImageCheck
    private let clock: WallClock
    private let log: Log

    /// How long a link whose dialect does not say lives, from when it was issued.
    static let defaultExpiry = Duration.seconds(3600)
    /// How long a disk that refuses an image is tried again: as long as somebody may yet make room on it.
    static let storingPatience = Duration.seconds(86_400)
    /// How often a link may lead to something that is no image before that is taken for its last word.
    static let flawedTries = 3
    /// How long "not found" and "forbidden" are taken for a file that is not there yet rather than gone.
    static let settlingTime = Duration.seconds(120)

    init(blobs: any ImageShelf, fetcher: any ResultFetcher, spool: Spool, check: ImageCheck, clock: WallClock, log: Log)
    {
        self.blobs = blobs
        self.fetcher = fetcher
        self.spool = spool
        self.check = check
        self.clock = clock
        self.log = log
    }

    /// Stores one image of an answer in a file, which stays pinned until the caller has written the image down and
    /// releases it; a small one is only looked at, as the ledger stores it.
    ///
    /// `files` are those of the answer it came in, and `expiry` is when the provider's link dies.
    func keep(
        _ image: ResultImage, of files: [SpooledFile], jobID: String, until expiry: Timestamp
    ) async throws(FetchFailure) -> BlobRecord {
        var (blob, file) = try await checked(image, files, jobID, expiry)
        if let file { blob.content = try await store(file, jobID) }
        return blob
    }

    /// Lets a blob go that has been written down.
    func release(_ digest: Digest) { blobs.release(digest) }

    /// Puts an image in its place, again and again while the disk refuses: there is only this one copy.
    private func store(_ file: SpooledFile, _ jobID: String) async throws(FetchFailure) -> BlobContent {
        var patience = Patience(until: clock.now + Self.storingPatience)
        while true {
            do throws(FileError) { return try await blobs.store(file) } catch {
                guard await hasRoomLater(&patience, error, jobID) else { throw FetchFailure(.disk(error)) }
            }
        }
    }

    /// Decodes an image to disk, again and again while the disk refuses: the only copy is in memory.
    private func decoded(_ text: String, _ jobID: String) async throws(FetchFailure) -> SpooledFile {
        var patience = Patience(until: clock.now + Self.storingPatience)
        while true {
            do throws(SpoolError) { return try await spool.decode(text, limit: text.utf8.count) } catch {
                guard case .disk(let refusal) = error, await hasRoomLater(&patience, refusal, jobID) else {
                    throw FetchFailure(error)
                }
            }
        }
    }

    /// How long a disk that refuses is waited for.
    private struct Patience {
        let end: Timestamp
        var pause = Duration.milliseconds(250)

        init(until end: Timestamp) { self.end = end }
    }

    /// Waits before the disk is asked again; false when it was asked for long enough, or the task was cancelled.
    private func hasRoomLater(_ patience: inout Patience, _ error: FileError, _ jobID: String) async -> Bool {
        log.error("cannot store a result, trying again", ["request.id": jobID, "error": "\(error)"])
        do { try await clock.sleep(for: patience.pause) } catch { return false }
        patience.pause = min(patience.pause * 2, .seconds(10))
        return clock.now < patience.end
    }

    /// What an image is, and its file unless its bytes are in memory; those of its alternative, where it is good for
    /// nothing itself.
    private func checked(
        _ image: ResultImage, _ files: [SpooledFile], _ jobID: String, _ expiry: Timestamp
    ) async throws(FetchFailure) -> (BlobRecord, SpooledFile?) {
        do throws(FetchFailure) {
            return try await checked(image.payload, files, jobID, expiry)
        } catch {
            guard let alternative = image.alternative else { throw error }
            log.warning("a result is unusable, trying its address", ["request.id": jobID, "reason": error.reason])
            return try await checked(alternative, files, jobID, expiry)
        }
    }

    private func checked(
        _ payload: ResultImage.Payload, _ files: [SpooledFile], _ jobID: String, _ expiry: Timestamp
    ) async throws(FetchFailure) -> (BlobRecord, SpooledFile?) {
        if case .base64(let text) = payload, text.utf8.count <= SmallImage.textLimit {
            return (try checked(text), nil)
        }
        let file = try await spooled(payload, files, jobID, expiry)
        do throws(ImageCheck.Flaw) { return (BlobRecord(try check.check(file), digest: file.digest), file) } catch {
            throw FetchFailure(reason: "\(error)", isFinal: true)
        }
    }

    private func checked(_ text: String) throws(FetchFailure) -> BlobRecord {
        let image: SmallImage
        do throws(SpoolError) { image = try SmallImage(decoding: text) } catch { throw FetchFailure(error) }
        do throws(ImageCheck.Flaw) { return try check.check(image) } catch {
            throw FetchFailure(reason: "\(error)", isFinal: true)
        }
    }

    private func spooled(
        _ payload: ResultImage.Payload, _ files: [SpooledFile], _ jobID: String, _ expiry: Timestamp
    ) async throws(FetchFailure) -> SpooledFile {
        switch payload {
        case .url(let url): return try await fetched(url, jobID, until: expiry)
        case .base64(let text): return try await decoded(text, jobID)
        case .external(let index):
            guard files.indices.contains(index) else {
                throw FetchFailure(reason: "the answer names an image that it does not have", isFinal: true)
            }
            return files[index]
        case .body:
            guard let file = files.first else { throw FetchFailure(reason: "the answer is empty", isFinal: true) }
            return file
        }
    }

    /// Downloads a paid image, again and again until the provider's link is dead: the money is spent already.
    ///
    /// Only what is no image each time is given up sooner.
    private func fetched(_ url: String, _ jobID: String, until expiry: Timestamp) async throws(FetchFailure)
        -> SpooledFile
    {
        let settled = clock.now + Self.settlingTime
        var pause = Duration.milliseconds(250)
        var flawedCount = 0
        while true {
            do throws(FetchFailure) {
                let file = try await fetcher.fetch(url)
                guard let flaw = check.flaw(of: file) else { return file }
                flawedCount += 1
                throw FetchFailure(reason: "\(flaw)", isFinal: flawedCount == Self.flawedTries)
            } catch {
                let deadline = error.isLikelyGone ? min(settled, expiry) : expiry
                guard !error.isFinal, clock.now + pause < deadline else { throw error }
                log.warning(
                    "result download failed, trying again",
                    [
                        "request.id": jobID, "reason": error.reason, "error": error.detail ?? "",
                        "pause.ms": "\(pause.milliseconds)",
                    ])
            }
            try? await clock.sleep(for: pause)
            pause = min(pause * 2, .seconds(60))
        }
    }
}

extension BlobRecord {
    fileprivate init(_ file: ImageFile, digest: Digest) {
        self.init(
            digest: digest, mediaType: file.mediaType, length: file.length, width: file.width, height: file.height)
    }
}

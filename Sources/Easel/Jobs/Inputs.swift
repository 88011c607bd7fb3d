import HTTP
import LibEvent

/// Brings input images into the form that an order holds, and into the form that a provider takes.
@EventLoop
final class Inputs {
    private let spool: Spool
    private let fetcher: Fetcher
    private let check: ImageCheck
    /// The most bytes one input image may have.
    private let lengthLimit: Int

    init(spool: Spool, fetcher: Fetcher, check: ImageCheck, lengthLimit: Int) {
        self.spool = spool
        self.fetcher = fetcher
        self.check = check
        self.lengthLimit = lengthLimit
    }

    /// Looks at an image as a request names it: addresses stay addresses, everything else becomes a checked file.
    ///
    /// - Returns: The file that the input points into, too: the input is good for as long as that is kept.
    func resolve(_ reference: ImageReference) async throws(GatewayError) -> (input: ImageInput, file: SpooledFile?) {
        switch reference.source {
        case .file(let file): return (.file(try image(file, reference.parameter)), file)
        case .text(let text) where text.hasPrefix("http://") || text.hasPrefix("https://"): return (.url(text), nil)
        case .text(let text):
            let file: SpooledFile
            do throws(SpoolError) { file = try await spool.decode(text, limit: lengthLimit) } catch {
                throw Self.notDecodable(error, reference.parameter)
            }
            return (.file(try image(file, reference.parameter)), file)
        }
    }

    /// Downloads the images of an order that are addresses where the provider wants the bytes.
    func localize(
        _ order: ImageOrder, for intake: ImageIntake, names: [String]
    ) async throws(GatewayError) -> (order: ImageOrder, files: [SpooledFile]) {
        var order = order
        var files: [SpooledFile] = []
        for (index, input) in order.images.enumerated() where !intake.takes(input) {
            guard case .url(let url) = input else { continue }
            let name = index < names.count ? names[index] : "image"
            let file = try await download(url, name)
            order.images[index] = .file(try image(file, name))
            files.append(file)
        }
        if let mask = order.mask, !intake.takesMask(mask), case .url(let url) = mask {
            let file = try await download(url, "mask")
            order.mask = .file(try image(file, "mask"))
            files.append(file)
        }
        return (order, files)
    }

    private func download(_ url: String, _ parameter: String) async throws(GatewayError) -> SpooledFile {
        do throws(FetchFailure) { return try await fetcher.fetch(url) } catch {
            throw .invalid(
                parameter, "The image at the URL you gave could not be downloaded: \(error.reason).",
                code: "invalid_image_url")
        }
    }

    private func image(_ file: SpooledFile, _ parameter: String) throws(GatewayError) -> ImageFile {
        do throws(ImageCheck.Flaw) { return try check.check(file) } catch {
            throw .invalidImage(parameter, "Invalid image file in '\(parameter)': \(error).")
        }
    }

    private static func notDecodable(_ error: SpoolError, _ parameter: String) -> GatewayError {
        switch error {
        case .tooLarge(let limit):
            .tooLarge("The image in '\(parameter)'", limit: "\(limit) bytes", setting: "limits.body")
        case .malformed(let reason):
            .invalid(
                parameter, "'\(parameter)' is neither an http(s) URL, nor a data: URI, nor base64: \(reason).",
                code: "invalid_image_url")
        case .disk(let error): .internalFailure("The upload could not be stored: \(error).")
        }
    }
}

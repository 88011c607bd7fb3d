import HTTP
import LibEvent

/// Where input images come in: out of a request, or from an address that it names.
@EventLoop
final class Inputs {
    /// What providers may download from here.
    let published: PublishedInputs
    let converter: InputConverter
    private let spool: Spool
    private let fetcher: Fetcher
    private let check: ImageCheck
    /// The most bytes one input image may have.
    private let lengthLimit: Int

    init(spool: Spool, fetcher: Fetcher, check: ImageCheck, published: PublishedInputs, lengthLimit: Int) {
        self.published = published
        converter = InputConverter(spool: spool, pixelLimit: check.pixelLimit)
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

    /// Downloads an image and looks at it.
    ///
    /// - Returns: The file that the image points into, too: the image is good for as long as that is kept.
    func download(
        _ url: String, _ parameter: String
    ) async throws(GatewayError) -> (image: ImageFile, file: SpooledFile) {
        let file: SpooledFile
        do throws(FetchFailure) { file = try await fetcher.fetch(url) } catch {
            throw .invalid(
                parameter, "The image at the URL you gave could not be downloaded: \(error.reason).",
                code: "invalid_image_url")
        }
        return (try image(file, parameter), file)
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
        case .disk: .uploadNotStored(error)
        }
    }
}

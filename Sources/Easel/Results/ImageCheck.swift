import Imaging

/// Judges bytes that claim to be an image: their type and size are what they say themselves, not what anybody said of them.
struct ImageCheck: Sendable {
    /// The most pixels an image may have.
    var pixelLimit: Int

    enum Flaw: Error, Sendable, Hashable, CustomStringConvertible {
        case notAnImage
        case cutShort
        case tooManyPixels(width: Int, height: Int, limit: Int)

        var description: String {
            switch self {
            case .notAnImage: "the bytes are not an image of a known format (PNG, JPEG, WebP, GIF, BMP, TIFF)"
            case .cutShort: "the image ends before its format says it does"
            case .tooManyPixels(let width, let height, let limit):
                "the image is \(width)x\(height), more than \(limit) pixels ('limits.pixels')"
            }
        }
    }

    /// What is wrong with a file; `nil` for an image that may be kept.
    func flaw(of file: SpooledFile) -> Flaw? {
        do throws(Flaw) {
            _ = try check(file)
            return nil
        } catch {
            return error
        }
    }

    func check(_ file: SpooledFile) throws(Flaw) -> ImageFile {
        guard let image = file.image else { throw .notAnImage }
        try check(width: image.width, height: image.height, isComplete: file.isComplete)
        return image
    }

    /// What the row of a small image is to say of it.
    func check(_ image: SmallImage) throws(Flaw) -> BlobRecord {
        guard let header = image.header, let size = header.size else { throw .notAnImage }
        try check(width: size.width, height: size.height, isComplete: image.isComplete)
        return BlobRecord(
            digest: image.digest, mediaType: header.format.mediaType, length: image.bytes.count, width: size.width,
            height: size.height, content: .bytes(image.bytes))
    }

    private func check(width: Int, height: Int, isComplete: Bool) throws(Flaw) {
        guard isComplete else { throw .cutShort }
        guard width.multipliedReportingOverflow(by: height).overflow == false, width * height <= pixelLimit else {
            throw .tooManyPixels(width: width, height: height, limit: pixelLimit)
        }
    }
}

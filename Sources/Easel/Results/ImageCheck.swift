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
        guard file.isComplete else { throw .cutShort }
        guard image.width.multipliedReportingOverflow(by: image.height).overflow == false,
            image.width * image.height <= pixelLimit
        else { throw .tooManyPixels(width: image.width, height: image.height, limit: pixelLimit) }
        return image
    }
}

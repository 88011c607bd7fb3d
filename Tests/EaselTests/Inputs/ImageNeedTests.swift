import Imaging
import Testing

@testable import Easel

struct ImageNeedTests {
    /// An image, a provider's bounds, and the format that the image must be written in; `nil` when it fits.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var image: ImageFile
        var bounds: ImageBounds
        var opaque: ImageFormat?
        var transparent: ImageFormat?

        init(
            _ description: String, _ type: String, _ size: (Int, Int) = (640, 480), length: Int = 1000,
            for bounds: ImageBounds, becomes opaque: ImageFormat? = nil, transparent: ImageFormat? = nil
        ) {
            testDescription = description
            image = ImageFile(
                path: "in", length: length, mediaType: "image/\(type)", width: size.0, height: size.1)
            self.bounds = bounds
            self.opaque = opaque
            self.transparent = transparent ?? opaque
        }
    }

    static let seaart = ImageBounds(
        bytes: 10_000_000, side: 384...3072,
        mediaTypes: ["image/png", "image/jpeg", "image/bmp", "image/tiff", "image/webp", "image/gif"])
    static let openAI = ImageBounds(bytes: 50_000_000, mediaTypes: ["image/png", "image/jpeg", "image/webp"])
    static let onlyPNG = ImageBounds(bytes: 4_000_000, mediaTypes: ["image/png"])
    static let onlyJPEG = ImageBounds(mediaTypes: ["image/jpeg"])
    static let silent = ImageBounds()

    static let cases = [
        Case("a PNG where PNG is listed", "png", for: openAI),
        Case("an image exactly at every bound", "jpeg", (3072, 384), length: 10_000_000, for: seaart),
        Case("a listed GIF, whose first frame the provider takes", "gif", for: seaart),
        Case("an image below a lower bound, which is left to the provider", "png", (64, 64), for: seaart),
        Case("a common format where the page names none", "webp", for: silent),
        Case("an unknown format", "x-otter", for: openAI),

        Case("a GIF where GIF is not listed", "gif", for: openAI, becomes: .png),
        Case("a TIFF, which is lossless", "tiff", for: openAI, becomes: .png),
        Case("a HEIC, which is not", "heic", for: openAI, becomes: .jpeg, transparent: .png),
        Case("a HEIC where the page names no formats", "heic", for: silent, becomes: .jpeg, transparent: .png),
        Case("a JPEG where only PNG is listed", "jpeg", for: onlyPNG, becomes: .png),
        Case("a PNG where only JPEG is listed", "png", for: onlyJPEG, becomes: .jpeg),
        Case("a WebP with a side too many pixels", "webp", (3073, 20), for: seaart, becomes: .jpeg, transparent: .png),
        Case("a byte too many", "png", length: 4_000_001, for: onlyPNG, becomes: .png),
        Case("a pixel too many", "jpeg", (11, 10), for: ImageBounds(pixels: 109), becomes: .jpeg, transparent: .png),
    ]

    @Test(arguments: cases)
    func `an image is converted only when it does not fit`(example: Case) throws {
        guard let opaque = example.opaque, let transparent = example.transparent else {
            #expect(ImageNeed(example.image, for: example.bounds) == .nothing)
            return
        }
        #expect(
            ImageNeed(example.image, for: example.bounds)
                == .conversion(
                    Conversion(
                        encoding: Encoding(format: opaque), transparentEncoding: Encoding(format: transparent),
                        maximumWidth: example.bounds.side?.upperBound,
                        maximumHeight: example.bounds.side?.upperBound, maximumPixels: example.bounds.pixels,
                        maximumBytes: example.bounds.bytes)))
    }

    @Test func `formats that nobody can write are told apart`() {
        let image = ImageFile(path: "in", length: 1, mediaType: "image/png", width: 1, height: 1)
        #expect(ImageNeed(image, for: ImageBounds(mediaTypes: ["image/heic"])) == .unwritableFormats)
    }

    @Test func `the bounds an image breaks are named in words`() {
        let bounds = ImageBounds(bytes: 4_000_000, side: 384...3072, pixels: 1_000_000)
        #expect(
            bounds.exceeded(by: PixelSize(width: 6000, height: 4000), length: 4_000_001)
                == ["sides up to 3072", "up to 1000000 pixels", "up to 4 MB"])
        #expect(bounds.exceeded(by: PixelSize(width: 1000, height: 1000), length: 4_000_000).isEmpty)
        #expect(
            ImageBounds(bytes: 1536).exceeded(by: PixelSize(width: 1, height: 1), length: 1537) == ["up to 1536 bytes"])
    }
}

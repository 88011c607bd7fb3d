import Imaging
import Testing

@Suite struct ImageFormatTests {
    @Test(arguments: ImageFormat.allCases)
    func `a format is found again by its media type`(format: ImageFormat) {
        #expect(ImageFormat(mediaType: format.mediaType) == format)
    }

    @Test(arguments: [
        ("image/jpg", ImageFormat.jpeg), ("IMAGE/PNG; charset=binary", .png), ("image/x-ms-bmp", .bmp),
        ("image/heif", .heic),
    ])
    func `other spellings of a media type are understood`(mediaType: String, format: ImageFormat) {
        #expect(ImageFormat(mediaType: mediaType) == format)
    }

    @Test(arguments: ["", "png", "image/", "image/svg+xml", "text/html", "application/png"])
    func `what is no raster image type is no format`(mediaType: String) {
        #expect(ImageFormat(mediaType: mediaType) == nil)
    }

    @Test func `jpeg files end in jpg`() {
        #expect(ImageFormat.jpeg.fileExtension == "jpg")
        #expect(ImageFormat.webp.fileExtension == "webp")
    }
}

import Imaging
import Testing

@testable import Easel

struct MaskNeedTests {
    private static func intake(_ polarity: MaskPolarity, _ types: Set<String> = []) -> ImageIntake {
        ImageIntake(
            forms: [.file], maskForms: [.file], count: 1...1, bounds: ImageBounds(mediaTypes: types),
            maskPolarity: polarity)
    }

    private static func mask(_ width: Int, _ height: Int, _ type: String = "png") -> ImageFile {
        ImageFile(path: "mask", length: 100, mediaType: "image/\(type)", width: width, height: height)
    }

    private static func conversion(from: (Int, Int), to: (Int, Int)) -> ConvertedImage {
        ConvertedImage(
            format: .png, size: PixelSize(width: to.0, height: to.1), length: 1000,
            originalSize: PixelSize(width: from.0, height: from.1))
    }

    @Test func `a mask that means what the provider means is left alone`() {
        #expect(MaskNeed(Self.mask(64, 32), for: Self.intake(.transparent), after: nil) == nil)
        let reencoded = Self.conversion(from: (64, 32), to: (64, 32))
        #expect(MaskNeed(Self.mask(64, 32), for: Self.intake(.transparent), after: reencoded) == nil)
    }

    @Test(arguments: [(MaskPolarity.white, MaskMark.white), (.black, .black)])
    func `a provider that marks in another way gets its own mark`(polarity: MaskPolarity, mark: MaskMark) {
        #expect(MaskNeed(Self.mask(64, 32), for: Self.intake(polarity), after: nil) == MaskNeed(mark: mark))
    }

    @Test func `a mask follows an image that was scaled`() {
        let conversion = Self.conversion(from: (64, 32), to: (32, 16))
        let resizing = MaskNeed.Resizing(
            from: PixelSize(width: 64, height: 32), to: PixelSize(width: 32, height: 16))
        #expect(
            MaskNeed(Self.mask(64, 32), for: Self.intake(.transparent), after: conversion)
                == MaskNeed(mark: .transparent, resizing: resizing))
        #expect(
            MaskNeed(Self.mask(64, 32), for: Self.intake(.white), after: conversion)
                == MaskNeed(mark: .white, resizing: resizing))
    }

    @Test func `a mask in a format that is not listed becomes a PNG`() {
        #expect(
            MaskNeed(Self.mask(64, 32, "tiff"), for: Self.intake(.transparent, ["image/png"]), after: nil)
                == MaskNeed(mark: .transparent))
    }

    @Test(arguments: [("png", 64, 32, true), ("jpeg", 64, 32, true), ("jpeg", 32, 64, true), ("png", 32, 64, false)])
    func `a mask must be as large as its image, which EXIF may show on its side`(
        type: String, width: Int, height: Int, fits: Bool
    ) {
        #expect((MaskNeed.mismatch(Self.mask(width, height), Self.mask(64, 32, type)) == nil) == fits)
    }

    @Test func `a mismatch names both sizes`() throws {
        let mismatch = try #require(MaskNeed.mismatch(Self.mask(10, 20), Self.mask(64, 32)))
        #expect(mismatch.hasPrefix("The mask is 10x20, but the image is 64x32."))
    }
}

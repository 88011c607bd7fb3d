import Imaging
import Testing

@Suite(.timeLimit(.minutes(2)))
struct ConverterTests {
    private let workspace = Workspace()

    private func convert(_ bytes: [UInt8], by conversion: Conversion) throws -> PixelSize {
        let input = workspace.write(bytes, to: "input.png")  // whatever it is: the name must not matter
        return try Converter().convert(input, by: conversion, to: workspace.path("out")).size
    }

    private func error(converting bytes: [UInt8]) throws -> ImagingError {
        try #require(throws: ImagingError.self) {
            try convert(bytes, by: Conversion(encoding: Encoding(format: .png)))
        }
    }

    @Test(arguments: ImageFormat.written, ImageFormat.written)
    func `any format becomes any other`(from: ImageFormat, to: ImageFormat) throws {
        let size = try convert(workspace.picture(from), by: Conversion(encoding: Encoding(format: to)))
        let header = try ImageHeader.read(fileAt: workspace.path("out"))
        #expect(header.format == to)
        #expect(header.size == PixelSize(width: 48, height: 32))
        #expect(header.size == size)
    }

    @Test(arguments: [
        (Conversion(encoding: Encoding(format: .png), maximumWidth: 60), PixelSize(width: 60, height: 40)),
        (Conversion(encoding: Encoding(format: .png), maximumHeight: 20), PixelSize(width: 30, height: 20)),
        (Conversion(encoding: Encoding(format: .png), maximumPixels: 6000), PixelSize(width: 94, height: 63)),
        (Conversion(encoding: Encoding(format: .png), maximumWidth: 5000), PixelSize(width: 240, height: 160)),
        (Conversion(encoding: Encoding(format: .png), maximumWidth: 0), PixelSize(width: 1, height: 1)),
    ])
    func `a larger image is scaled down to its limits, a smaller one is left`(
        conversion: Conversion, size: PixelSize
    ) throws {
        #expect(try convert(workspace.picture(.png, width: 240, height: 160), by: conversion) == size)
        #expect(try ImageHeader.read(fileAt: workspace.path("out")).size == size)
    }

    @Test func `a limit of bytes is kept`() throws {
        let picture = try workspace.picture(.png, width: 600, height: 400)
        let limit = picture.count / 5
        let conversion = Conversion(encoding: Encoding(format: .png), maximumBytes: limit)
        #expect(try convert(picture, by: conversion).width > 100)
        #expect(workspace.read("out").count <= limit)
    }

    @Test func `a limit of bytes that no image can keep is an error, and leaves no file`() throws {
        let conversion = Conversion(encoding: Encoding(format: .png), maximumBytes: 3)
        let error = try #require(throws: ImagingError.self) { try convert(workspace.picture(.png), by: conversion) }
        #expect(error.kind == .tooLarge)
        #expect(!workspace.exists("out"))
    }

    @Test func `a picture on its side is turned upright, and its metadata is gone`() throws {
        let picture = try workspace.picture(.jpeg).withMetadata([sideways])
        #expect(ImageHeader.probe(picture.span).header?.size == PixelSize(width: 48, height: 32))
        let size = try convert(picture, by: Conversion(encoding: Encoding(format: .jpeg)))
        #expect(size == PixelSize(width: 32, height: 48))
        #expect(!String(decoding: workspace.read("out"), as: Unicode.ASCII.self).contains("Exif"))
    }

    @Test func `what an image has become is told`() throws {
        let input = workspace.write(try workspace.picture(.jpeg).withMetadata([sideways]), to: "input.jpg")
        let conversion = Conversion(encoding: Encoding(format: .jpeg), maximumHeight: 24)
        let result = try Converter().convert(input, by: conversion, to: workspace.path("out"))
        #expect(
            result
                == ConvertedImage(
                    format: .jpeg, size: PixelSize(width: 16, height: 24), length: workspace.read("out").count,
                    originalSize: PixelSize(width: 32, height: 48)))
    }

    @Test(arguments: [(true, ImageFormat.png), (false, .jpeg)])
    func `an image with transparency can become another format than one without`(
        isTransparent: Bool, format: ImageFormat
    ) throws {
        let input = workspace.path("input.webp")
        try Renderer().render(
            prompt: "", seed: 1, size: PixelSize(width: 40, height: 30), isTransparent: isTransparent,
            as: Encoding(format: .webp), to: input)
        let conversion = Conversion(
            encoding: Encoding(format: .jpeg), transparentEncoding: Encoding(format: .png))
        #expect(try Converter().convert(input, by: conversion, to: workspace.path("out")).format == format)
        #expect(try ImageHeader.read(fileAt: workspace.path("out")).format == format)
    }

    @Test func `more metadata than a JPEG segment holds does no harm`() throws {
        let padding = [UInt8](repeating: 0, count: 65_000)
        let picture = try workspace.picture(.jpeg).withMetadata(Array(repeating: padding, count: 20))
        #expect(ImageHeader.probe(picture.span).header?.size == PixelSize(width: 48, height: 32))
        #expect(try convert(picture, by: Conversion(encoding: Encoding(format: .png))).width == 48)
    }

    @Test(arguments: [(100_000, 100_000), (50_001, 1000), (Int(Int32.max), Int(Int32.max))])
    func `a bomb is refused by its header`(width: Int, height: Int) throws {
        let error = try error(converting: emptyPNG(width: width, height: height))
        #expect(error.kind == .tooLarge)
        #expect(error.message == "an image of \(width)×\(height) has more than the allowed 50000000 pixels")
    }

    @Test func `text named png is not an image`() throws {
        let error = try error(converting: bytes("This is not a picture, whatever its name says."))
        #expect(error.kind == .badImage)
        #expect(error.message == "this is not an image of a known format; send PNG, JPEG or WebP")
    }

    @Test func `an SVG is not read, whatever libvips could do with it`() throws {
        let error = try error(converting: bytes("<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"))
        #expect(error.kind == .badImage)
    }

    @Test(arguments: ImageFormat.written)
    func `a truncated image is an error, and leaves no file`(format: ImageFormat) throws {
        let picture = try workspace.picture(format, width: 200, height: 200)
        let error = try error(converting: Array(picture.prefix(picture.count / 2)))
        #expect(error.kind == .badImage)
        #expect(!error.message.contains("/tmp"))
        #expect(!workspace.exists("out"))
    }

    @Test(arguments: ImageFormat.written)
    func `no mutation of an image crashes a decoder`(format: ImageFormat) throws {
        let picture = try workspace.picture(format)
        let seed = UInt64(format.rawValue.utf8.reduce(1) { $0 * 31 + Int($1) })
        var random = Xorshift(state: seed)
        var failures = 0
        for _ in 0..<200 {
            var bytes = picture
            for _ in 0...random.next(8) { bytes[random.next(bytes.count)] = UInt8(random.next(256)) }
            if random.next(4) == 0 { bytes.removeLast(random.next(bytes.count)) }
            do {
                _ = try convert(bytes, by: Conversion(encoding: Encoding(format: .png)))
            } catch {
                failures += 1
            }
        }
        #expect(failures > 0)
    }
}

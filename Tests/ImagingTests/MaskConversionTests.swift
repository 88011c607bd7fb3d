import Testing

@testable import Imaging

@Suite(.timeLimit(.minutes(2)))
struct MaskConversionTests {
    private let workspace = Workspace()

    /// A PNG of 4 by 2 pixels, transparent in its left half.
    private func mask() throws -> String {
        let path = workspace.path("mask.png")
        let svg = """
            <svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><rect x="2" width="2" height="2"/></svg>
            """
        try Image(svg: svg).write(as: Encoding(format: .png), to: path)
        return path
    }

    private func pixels() throws -> [UInt8] {
        try Image(path: workspace.path("out"), pixelLimit: 100).pixels()
    }

    /// The colour type in a PNG's header: 0 is greyscale without alpha.
    private func colorType() -> UInt8 { workspace.read("out")[25] }

    @Test(arguments: [
        (MaskMark.white, [255, 255, 0, 0] as [UInt8]), (.black, [0, 0, 255, 255]),
    ])
    func `what may change is white or black, in shades of grey`(mark: MaskMark, row: [UInt8]) throws {
        let result = try Converter().convertMask(try mask(), as: mark, to: workspace.path("out"))
        #expect(result.format == .png)
        #expect(result.size == PixelSize(width: 4, height: 2))
        #expect(colorType() == 0)
        #expect(try pixels() == (row + row).flatMap { [$0, $0, $0] })
    }

    @Test func `a mask that keeps its transparency can be scaled`() throws {
        let resizing = (from: PixelSize(width: 4, height: 2), to: PixelSize(width: 2, height: 1))
        let result = try Converter().convertMask(
            try mask(), as: .transparent, resizing: resizing, to: workspace.path("out"))
        #expect(result.size == PixelSize(width: 2, height: 1))
        let alpha = try pixels().enumerated().filter { $0.offset % 4 == 3 }.map(\.element)
        #expect(alpha.count == 2 && alpha[0] < 64 && alpha[1] > 192)
    }

    @Test func `a mask is scaled to the very size of its image`() throws {
        let resizing = (from: PixelSize(width: 4, height: 2), to: PixelSize(width: 3, height: 1))
        let result = try Converter().convertMask(
            try mask(), as: .white, resizing: resizing, to: workspace.path("out"))
        #expect(result.size == PixelSize(width: 3, height: 1))
    }

    @Test func `a mask of another size than its image is an error that names both`() throws {
        let resizing = (from: PixelSize(width: 40, height: 20), to: PixelSize(width: 20, height: 10))
        let error = try #require(throws: ImagingError.self) {
            try Converter().convertMask(try mask(), as: .white, resizing: resizing, to: workspace.path("out"))
        }
        #expect(error.kind == .badImage)
        #expect(error.message == "the mask is 4×2, but the image is 40×20; make them equal")
    }

    @Test func `a mask without an alpha channel is an error`() throws {
        let input = workspace.write(try workspace.picture(.jpeg), to: "mask.jpg")
        let error = try #require(throws: ImagingError.self) {
            try Converter().convertMask(input, as: .white, to: workspace.path("out"))
        }
        #expect(error.message == "the mask has no alpha channel; make the part to be changed transparent")
    }
}

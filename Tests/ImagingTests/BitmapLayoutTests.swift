import Testing

@testable import Imaging

@Suite(.timeLimit(.minutes(2)))
struct BitmapLayoutTests {
    private let workspace = Workspace()

    /// A BMP of the given rows, each padded to a multiple of four bytes.
    private static func bitmap(
        _ width: Int, _ height: Int, bits: Int, kind: Int = 40, compression: Int = 0, masks: [Int] = [],
        rows: [[UInt8]]
    ) -> [UInt8] {
        let pixels = rows.flatMap { $0 + [UInt8](repeating: 0, count: (4 - $0.count % 4) % 4) }
        let rest = [UInt8](repeating: 0, count: max(0, kind - 40 - masks.count * 4))
        return bytes(
            "BM", .little(14 + kind + pixels.count), .little(0), .little(14 + kind), .little(kind), .little(width),
            .little(height), .little(1, 2), .little(bits, 2), .little(compression), .filler(0, 20),
            Piece(masks.flatMap { Piece.little($0).bytes }), Piece(rest), Piece(pixels))
    }

    private func pixels(_ bytes: [UInt8]) throws -> [UInt8] {
        try Image(path: workspace.write(bytes, to: "in.bmp"), pixelLimit: 100).pixels()
    }

    private static let blueRed: [UInt8] = [255, 0, 0, 0, 0, 255]
    private static let greenWhite: [UInt8] = [0, 255, 0, 255, 255, 255]
    /// What the two rows are as red, green, blue from the top.
    private static let shown: [UInt8] = [0, 0, 255, 255, 0, 0, 0, 255, 0, 255, 255, 255]

    @Test func `rows are stored from the lowest to the highest`() throws {
        #expect(
            try pixels(Self.bitmap(2, 2, bits: 24, rows: [Self.greenWhite, Self.blueRed])) == Self.shown)
    }

    @Test func `rows of a negative height are stored from the highest to the lowest`() throws {
        #expect(
            try pixels(Self.bitmap(2, -2, bits: 24, rows: [Self.blueRed, Self.greenWhite])) == Self.shown)
    }

    @Test func `the fourth byte of a plain file is nothing`() throws {
        #expect(try pixels(Self.bitmap(1, 1, bits: 32, rows: [[1, 2, 3, 0]])) == [3, 2, 1])
    }

    @Test func `the fourth byte is alpha where the header says so`() throws {
        let file = Self.bitmap(
            1, 1, bits: 32, kind: 108, compression: 3, masks: [0xFF0000, 0xFF00, 0xFF, 0xFF00_0000],
            rows: [[1, 2, 3, 128]])
        #expect(try pixels(file) == [3, 2, 1, 128])
    }

    @Test(arguments: [
        bitmap(1, 1, bits: 8, rows: [[0, 0, 0, 0]]),
        bitmap(1, 1, bits: 24, compression: 1, rows: [[0, 0, 0]]),
        bitmap(1, 1, bits: 32, kind: 108, compression: 3, masks: [0xFF, 0xFF00, 0xFF0000, 0], rows: [[1, 2, 3, 4]]),
        bitmap(2, 3, bits: 24, rows: [blueRed, greenWhite]),
        Array(bitmap(2, 2, bits: 24, rows: [blueRed, greenWhite]).dropLast()),
    ])
    func `other forms and truncated files are refused`(file: [UInt8]) throws {
        let error = try #require(throws: ImagingError.self) { try pixels(file) }
        #expect(error.kind == .badImage)
    }

    @Test func `a bitmap is converted like any other image`() throws {
        let row = [UInt8](repeating: 200, count: 40 * 3)
        let input = workspace.write(
            Self.bitmap(40, 30, bits: 24, rows: Array(repeating: row, count: 30)), to: "in.bmp")
        let conversion = Conversion(encoding: Encoding(format: .jpeg), maximumWidth: 20)
        #expect(
            try Converter().convert(input, by: conversion, to: workspace.path("out")).size
                == PixelSize(width: 20, height: 15))
    }
}

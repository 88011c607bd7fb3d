import Imaging
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ImageProbeTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var format: ImageFormat
        var size: PixelSize?

        init(_ name: String, _ format: ImageFormat, _ width: Int, _ height: Int, _ bytes: [UInt8]) {
            (self.name, self.bytes, self.format) = (name, bytes, format)
            size = width > 0 ? PixelSize(width: width, height: height) : nil
        }

        var testDescription: String { name }
    }

    /// Headers written by hand after their specifications.
    static let samples = [
        Sample("png", .png, 1536, 1024, emptyPNG(width: 1536, height: 1024)),
        Sample("gif", .gif, 300, 2, bytes("GIF89a", .little(300, 2), .little(2, 2), [0, 0, 0])),
        Sample("jpeg", .jpeg, 513, 7, bytes([0xFF, 0xD8], frame(0xC0, 513, 7))),
        Sample("progressive jpeg", .jpeg, 9, 8, bytes([0xFF, 0xD8], frame(0xC2, 9, 8))),
        Sample(
            "jpeg after tables, fill bytes and 64 KiB of metadata", .jpeg, 640, 480,
            bytes(
                [0xFF, 0xD8, 0xFF, 0xC4, 0, 4, 1, 2, 0xFF, 0xFF, 0xFF, 0xC8, 0, 3, 9], [0xFF, 0xE1, 0xFF, 0xFF],
                .filler(0xC0, 65533), frame(0xC1, 640, 480))),
        Sample("lossy webp", .webp, 400, 301, webp("VP8 ", [0x10, 0x20, 0, 0x9D, 1, 0x2A, 0x90, 1, 0x2D, 0x41])),
        Sample("lossless webp", .webp, 17, 5, webp("VP8L", 0x2F, .little(16 | 4 << 14))),
        Sample("extended webp", .webp, 1025, 70000, webp("VP8X", [9, 0, 0, 0], .little(1024, 3), .little(69999, 3))),
        Sample("bmp", .bmp, 31, 63, bitmap(40, .little(31), .little(63))),
        Sample("bmp from top to bottom", .bmp, 31, 63, bitmap(124, .little(31), .little(-63))),
        Sample("os/2 bmp", .bmp, 31, 63, bitmap(12, .little(31, 2), .little(63, 2), [1, 0, 1, 0])),
        Sample("tiff", .tiff, 2000, 900, tiff(at: 8)),
        Sample("tiff with its directory at the end", .tiff, 2000, 900, tiff(at: 5000)),
        Sample("big tiff", .tiff, 0, 0, bytes("II+", [0, 8, 0, 0, 0], .filler(9, 16))),
        Sample("avif", .avif, 1200, 800, avif(brand: "avif")),
        Sample("avif under a general brand", .avif, 1200, 800, avif(brand: "mif1", compatible: "avif")),
        Sample("heic", .heic, 1200, 800, avif(brand: "heic")),
        Sample("avif without sizes", .avif, 0, 0, fileType("avif", "mif1").bytes + bytes(.big(0), "mdat")),
    ]

    @Test(arguments: samples)
    func `format and dimensions are read from the header`(sample: Sample) {
        #expect(ImageHeader.probe(sample.bytes.span).header.map { [$0.format] } == [sample.format])
        #expect(ImageHeader.probe(sample.bytes.span).header?.size == sample.size)
    }

    @Test(arguments: samples, [1, 7])
    func `chunks of any size give the same answer as the whole`(sample: Sample, chunkSize: Int) {
        var probe = ImageProbe()
        var result = ImageProbe.Result.needMoreBytes
        for start in stride(from: 0, to: sample.bytes.count, by: chunkSize) where result == .needMoreBytes {
            result = probe.feed(Array(sample.bytes[start..<min(start + chunkSize, sample.bytes.count)]).span)
        }
        #expect(result == ImageHeader.probe(sample.bytes.span))
    }

    @Test(arguments: samples)
    func `what is cut off in its header is never mistaken`(sample: Sample) {
        let whole = ImageHeader.probe(sample.bytes.span)
        for length in 0..<min(sample.bytes.count, 300) {
            let result = ImageHeader.probe(Array(sample.bytes.prefix(length)).span)
            #expect(result == .needMoreBytes || result == whole, "\(length) bytes")
        }
    }

    @Test(arguments: ImageFormat.written)
    func `files written by libvips are recognised`(format: ImageFormat) throws {
        let workspace = Workspace()
        let bytes = try workspace.picture(format, width: 50, height: 34)
        let header = try #require(ImageHeader.probe(bytes.span).header)
        #expect(header.format == format)
        #expect(header.size == PixelSize(width: 50, height: 34))
        #expect(try ImageHeader.read(fileAt: workspace.path("picture.\(format.fileExtension)")) == header)
    }

    @Test(arguments: [
        bytes("<svg xmlns='http://www.w3.org/2000/svg'/>"), bytes("<html>not found</html>"),
        bytes("%PDF-1.7 and so on"),
        bytes("BM is how this sentence starts, no more"), bytes("RIFF", .little(100), "WAVEfmt and more than that"),
        bytes(.big(24), "ftypisom", .big(0), "isommp42mp41"), emptyPNG(width: 0, height: 10),
        bytes("GIF89a", .filler(0, 20)), [0xFF, 0xD8, 0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 1],
        [0xFF, 0xD8, 0xFF, 0xD9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ])
    func `anything else is not an image`(bytes: [UInt8]) {
        #expect(ImageHeader.probe(bytes.span) == .notAnImage)
    }

    @Test func `a file that ends early is an image of unknown size if its format shows`() {
        var probe = ImageProbe()
        #expect(probe.feed(bytes([0xFF, 0xD8, 0xFF, 0xE0, 0, 16], "JFIF", [0, 1, 1]).span) == .needMoreBytes)
        #expect(probe.finish() == .image(ImageHeader(format: .jpeg)))
        var nothing = ImageProbe()
        #expect(nothing.finish() == .notAnImage)
    }

    @Test func `endless metadata is given up`() {
        let comments = [[UInt8]](repeating: [0xFF, 0xFE, 0, 2], count: 20000).joined()
        let bytes = [0xFF, 0xD8] + Array(comments)
        #expect(ImageHeader.probe(bytes.span) == .image(ImageHeader(format: .jpeg)))
    }

    @Test func `bytes without interest can be jumped over`() {
        var probe = ImageProbe()
        let bytes = Self.tiff(at: 5000)
        #expect(probe.feed(Array(bytes.prefix(12)).span) == .needMoreBytes)
        #expect(probe.takeUnwanted() == 4988)
        #expect(probe.feed(Array(bytes.dropFirst(5000)).span).header?.size == PixelSize(width: 2000, height: 900))
    }

    @Test(arguments: samples)
    func `no mutation of a header traps`(sample: Sample) {
        var random = Xorshift(state: 99)
        for _ in 0..<500 {
            var bytes = sample.bytes
            for _ in 0...random.next(6) {
                let byte = [0, 0xFF, 0x7F, 0x80, UInt8(random.next(256))][random.next(5)]
                bytes[random.next(min(bytes.count, 100))] = byte
            }
            var probe = ImageProbe()
            _ = probe.feed(bytes.span)
            _ = probe.takeUnwanted()
            _ = probe.feed(bytes.span)
            _ = probe.finish()
        }
    }
}

extension ImageProbeTests {
    private static func frame(_ marker: UInt8, _ width: Int, _ height: Int) -> Piece {
        Piece(bytes([0xFF, marker, 0, 11, 8], .big(height, 2), .big(width, 2), [1, 1, 0x11, 0]))
    }

    private static func webp(_ chunk: Piece, _ pieces: Piece...) -> [UInt8] {
        let data = pieces.flatMap(\.bytes)
        return bytes("RIFF", .little(12 + data.count), "WEBP", chunk, .little(data.count), Piece(data))
    }

    private static func bitmap(_ headerLength: Int, _ dimensions: Piece...) -> [UInt8] {
        bytes("BM", .little(999), .little(0), .little(54), .little(headerLength)) + dimensions.flatMap(\.bytes)
    }

    /// Big-endian, with a width of type SHORT and a height of type LONG after an entry that does not matter.
    private static func tiff(at offset: Int) -> [UInt8] {
        bytes(
            "MM", [0, 42], .big(offset), .filler(3, offset - 8), .big(3, 2),
            .big(254, 2), .big(4, 2), .big(1), .big(0),
            .big(256, 2), .big(3, 2), .big(1), .big(2000, 2), [7, 7],
            .big(257, 2), .big(4, 2), .big(1), .big(900))
    }

    private static func box(_ type: Piece, _ pieces: Piece...) -> Piece {
        let content = pieces.flatMap(\.bytes)
        return Piece(bytes(.big(content.count + 8), type, Piece(content)))
    }

    private static func fileType(_ brand: Piece, _ compatible: Piece) -> Piece {
        box("ftyp", brand, .big(0), compatible)
    }

    /// An image of 1200×800 pixels made of tiles of 512×512.
    private static func avif(brand: Piece, compatible: Piece = "miaf") -> [UInt8] {
        func extents(_ width: Int, _ height: Int) -> Piece { box("ispe", .big(0), .big(width), .big(height)) }
        let properties = box("ipco", extents(512, 512), box("pixi", .big(0), [1, 8]), extents(1200, 800))
        let meta = box("meta", .big(0), box("hdlr", .big(0)), box("iprp", properties, box("ipma", .big(0))))
        return bytes(fileType(brand, compatible), box("free", [1, 2, 3]), meta, box("mdat", 0))
    }
}

extension ImageProbe.Result {
    var header: ImageHeader? { if case .image(let header) = self { header } else { nil } }
}

/// George Marsaglia's generator: the same mutations in every run.
struct Xorshift {
    var state: UInt64

    mutating func next(_ limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(limit))
    }
}

import Imaging
import Testing

@Suite struct ImageHeaderTests {
    private func isComplete(_ bytes: [UInt8], as header: ImageHeader) -> Bool {
        header.isComplete(tail: Array(bytes.suffix(ImageHeader.tailLength)).span, length: bytes.count)
    }

    @Test(arguments: ImageFormat.written)
    func `a whole file is complete, also with bytes after its end`(format: ImageFormat) throws {
        let bytes = try Workspace().picture(format)
        let header = try #require(ImageHeader.probe(bytes.span).header)
        #expect(isComplete(bytes, as: header))
        #expect(isComplete(bytes + [0, 0, 0], as: header))
    }

    @Test(arguments: [ImageFormat.png, .jpeg, .webp, .gif])
    func `a file that broke off is not`(format: ImageFormat) throws {
        let bytes = try Workspace().picture(format)
        let header = try #require(ImageHeader.probe(bytes.span).header)
        for missing in [1, 2, 12, bytes.count / 2] {
            #expect(!isComplete(bytes.dropLast(missing), as: header), "\(missing) bytes are missing")
        }
    }

    @Test func `nothing is complete without a tail`() {
        #expect(!isComplete([], as: ImageHeader(format: .png)))
        #expect(!isComplete([0, 0], as: ImageHeader(format: .gif)))
    }

    @Test func `the number of pixels does not overflow`() {
        #expect(PixelSize(width: .max, height: 2).pixels == .max)
        #expect(PixelSize(width: 1024, height: 768).pixels == 786_432)
    }
}

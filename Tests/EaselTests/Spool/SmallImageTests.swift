import Crypto
import Imaging
import Testing

@testable import Easel

struct SmallImageTests {
    @Test(arguments: ["", "data:image/png;base64,"])
    func `it is what the text says`(head: String) throws {
        let image = try SmallImage(decoding: head + base64(png(width: 30, height: 20)))
        #expect(image.bytes == png(width: 30, height: 20))
        #expect(image.digest == SHA256.digest(of: image.bytes))
        #expect(image.header?.size == PixelSize(width: 30, height: 20))
        #expect(image.isComplete)
    }

    @Test func `one that was cut short is known by its end`() throws {
        let image = try SmallImage(decoding: base64(Array(png().dropLast(5))))
        #expect(image.header != nil)
        #expect(!image.isComplete)
    }

    @Test(arguments: ["", "AAAA", "data:image/png;base64,"])
    func `other bytes have no header`(text: String) throws {
        let image = try SmallImage(decoding: text)
        #expect(image.header == nil)
        #expect(!image.isComplete)
    }

    @Test(arguments: ["an otter!", "data:image/png;base64,%%%%"])
    func `a text that is no base64 is refused`(text: String) {
        #expect(throws: SpoolError.self) { try SmallImage(decoding: text) }
    }
}

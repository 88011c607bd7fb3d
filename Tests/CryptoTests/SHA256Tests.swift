import Crypto
import Testing

/// The examples of FIPS 180-4 (NIST, "Examples with Intermediate Values") and of NIST's SHAVS.
struct SHA256Tests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
    ])
    func `a text has its published digest`(text: String, digest: String) {
        #expect(SHA256.digest(of: text).hexadecimal == digest)
    }

    @Test(arguments: [1, 63, 64, 65, 1_000, 1_000_000])
    func `a million times a has its published digest, whatever the pieces`(piece: Int) {
        var hash = SHA256()
        var left = 1_000_000
        while left > 0 {
            let count = min(piece, left)
            hash.update([UInt8](repeating: 0x61, count: count))
            left -= count
        }
        #expect("\(hash.finalize())" == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func `a span is taken as an array is`() {
        let message = Array("xxabcxx".utf8)
        var hash = SHA256()
        hash.update(message.span.extracting(2..<5))
        hash.update([])
        #expect(hash.finalize() == SHA256.digest(of: "abc"))
    }

    @Test func `a digest is read back from its digits, and from nothing else`() {
        let digest = SHA256.digest(of: "abc")
        let text = digest.hexadecimal
        #expect(Digest(hexadecimal: text) == digest)
        for wrong in ["", String(text.dropLast()), text + "0", text.uppercased(), text.dropLast() + "g", "é" + text] {
            #expect(Digest(hexadecimal: wrong) == nil, "\(wrong)")
        }
    }
}

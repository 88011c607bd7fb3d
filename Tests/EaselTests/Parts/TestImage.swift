import HTTP
import LibEvent

@testable import Easel

/// A PNG that is whole as far as anybody looks who does not decode it: its head, some filler, and its end.
func png(width: Int = 8, height: Int = 8, filler: String = "", length: Int = 0) -> [UInt8] {
    func big(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    var bytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    bytes += big(13) + Array("IHDR".utf8) + big(width) + big(height) + [8, 6, 0, 0, 0] + big(0)
    var text = Array("easel\0\(filler)".utf8)
    while text.count < length { text.append(UInt8(truncatingIfNeeded: text.count &* 31 &+ text.count >> 8)) }
    bytes += big(text.count) + Array("tEXt".utf8) + text + big(0)
    return bytes + big(0) + Array("IEND".utf8) + [0xAE, 0x42, 0x60, 0x82]
}

extension BlobContent {
    /// Bytes of an image that is longer than the ledger takes, and so has a file.
    static let fileLength = ledgerLimit + 1000
}

func base64(_ bytes: [UInt8]) -> String {
    var encoder = Base64Encoder()
    var text: [UInt8] = []
    encoder.encode(bytes.span, into: &text)
    encoder.finish(into: &text)
    return String(decoding: text, as: UTF8.self)
}

/// Bytes that come in the pieces a test has cut them into, then the end or an error.
@EventLoop
final class ListedPieces: ByteSource {
    private var pieces: [[UInt8]]
    private let error: (any Error)?

    nonisolated init(_ pieces: [[UInt8]], then error: (any Error)? = nil) {
        self.pieces = pieces.reversed()
        self.error = error
    }

    /// The bytes of a text in pieces of a length.
    nonisolated convenience init(_ text: String, cutEvery length: Int) {
        let bytes = Array(text.utf8)
        self.init(stride(from: 0, to: bytes.count, by: length).map { Array(bytes[$0..<min($0 + length, bytes.count)]) })
    }

    func next() async throws -> [UInt8]? {
        if pieces.isEmpty, let error { throw error }
        return pieces.popLast()
    }
}

/// Waits until something comes true, at most ten seconds, and says whether it did.
@EventLoop
func eventually(_ condition: @EventLoop () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<1000 {
        if try await condition() { return true }
        try? await EventLoop.sleep(for: .milliseconds(10))
    }
    return try await condition()
}

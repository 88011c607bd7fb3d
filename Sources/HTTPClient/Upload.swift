import LibEvent

/// A request's body on its way out: the piece at hand, and where the next one comes from.
struct Upload {
    /// How many bytes of the announced length have not been handed to libcurl.
    private(set) var remaining: Int
    /// Where more comes from when the piece at hand is used up.
    private(set) var source: (any ByteSource)?
    private var piece: [UInt8]
    private var offset = 0

    init(_ body: ClientRequest.Body) {
        switch body {
        case .none: (piece, source, remaining) = ([], nil, 0)
        case .bytes(let bytes): (piece, source, remaining) = (bytes, nil, bytes.count)
        case .stream(let source, let length): (piece, self.source, remaining) = ([], source, max(length, 0))
        }
    }

    /// Takes what the source gave.
    mutating func supply(_ next: [UInt8]?) throws(WrongLength) {
        guard let next else { throw WrongLength(description: "it ends \(remaining) bytes before its announced length") }
        guard next.count <= remaining else { throw WrongLength(description: "it is longer than announced") }
        (piece, offset) = (next, 0)
    }

    struct WrongLength: Error, CustomStringConvertible {
        let description: String
    }

    /// Moves bytes into libcurl's buffer; answers how many, none where the source has to be waited for.
    @EventLoop
    @unsafe mutating func move(to buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = unsafe piece.isEmpty ? fill(buffer) : takeFromPiece(buffer)
        remaining -= count
        return count
    }

    @unsafe private mutating func takeFromPiece(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, piece.count - offset)
        unsafe buffer.copyBytes(from: piece[offset..<offset + count])
        offset += count
        if offset == piece.count { (piece, offset) = ([], 0) }
        return count
    }

    /// Has the source put there what it has at hand: that saves a piece, and libcurl pausing until it is here.
    @EventLoop
    @unsafe private func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(remaining))
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        source?.fill(&output)
        return unsafe output.finalize(for: room)
    }

    /// Lets go of everything.
    mutating func drop() {
        self = Upload(.none)
    }
}

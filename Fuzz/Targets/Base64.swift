import HTTP

extension Target {
    /// However a text is cut, it comes to the same bytes or the same error, and never to more than three for four.
    static func base64(_ input: [UInt8]) {
        let whole = outcome { () throws(Base64Error) in try decode([input[...]]) }
        let inPieces = outcome { () throws(Base64Error) in try decode(pieces(of: input)) }
        require(whole == inPieces, "\(whole) != \(inPieces)")
        if case .success(let bytes) = whole { require(bytes.count <= (input.count * 3 + 3) / 4) }
    }

    private static func decode(_ pieces: [ArraySlice<UInt8>]) throws(Base64Error) -> [UInt8] {
        var decoder = Base64Decoder()
        var bytes: [UInt8] = []
        for piece in pieces { try decoder.decode(piece.span, into: &bytes) }
        try decoder.finish(into: &bytes)
        return bytes
    }
}

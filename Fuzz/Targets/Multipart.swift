import HTTP

extension Target {
    /// However a body is cut, it has the same parts, in events that follow each other as they should; no part holds a
    /// boundary, and the parts written out again read back.
    static func multipart(_ input: [UInt8]) {
        guard let type = MediaType("multipart/form-data; boundary=b-") else { return }
        let whole = outcome { () throws(MultipartError) in try fields(of: [input[...]], type) }
        let inPieces = outcome { () throws(MultipartError) in try fields(of: pieces(of: input), type) }
        require(whole == inPieces, "\(whole) != \(inPieces)")
        guard case .success(let fields) = whole else { return }

        var body: [UInt8] = []
        for field in fields {
            require(field.part.filename?.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") } != true)
            require(field.data.firstRange(of: Array("\r\n--b-".utf8)) == nil)
            body += "--b-\r\nContent-Disposition: form-data; name=\"\(escaped(field.part.name))\"".utf8
            if let filename = field.part.filename { body += "; filename=\"\(escaped(filename))\"".utf8 }
            if let type = field.part.mediaType { body += "\r\nContent-Type: \(type)".utf8 }
            body += "\r\n\r\n".utf8 + field.data + "\r\n".utf8
        }
        body += "--b---".utf8
        // Escapes and repaired UTF-8 make heads longer.
        let again = outcome { () throws(MultipartError) in
            try Target.fields(of: [body[...]], type, headBytes: 8 << 10)
        }
        require(again == .success(fields), "\(again) != \(fields)")
    }

    private struct Field: Equatable {
        var part: MultipartPart
        var data: [UInt8] = []
    }

    private static func fields(
        of pieces: [ArraySlice<UInt8>], _ type: MediaType, headBytes: Int = 1 << 10
    ) throws(MultipartError) -> [Field] {
        let limits = MultipartLimits(parts: 8, headBytes: headBytes, nameBytes: 32)
        var parser = try MultipartParser(type, limits: limits)
        var fields: [Field] = []
        var (isInPart, isOver) = (false, false)
        for piece in pieces {
            for event in try parser.feed(piece) {
                require(!isOver)
                switch event {
                case .part(let part):
                    require(!isInPart)
                    fields.append(Field(part: part))
                    isInPart = true
                case .data(let data):
                    require(isInPart && !data.isEmpty)
                    fields[fields.count - 1].data += data
                case .endOfPart:
                    require(isInPart)
                    isInPart = false
                case .end:
                    require(!isInPart)
                    isOver = true
                }
            }
        }
        try parser.finish()
        require(isOver)
        return fields
    }

    /// As browsers do.
    private static func escaped(_ text: String) -> String {
        String(
            decoding: text.utf8.flatMap { byte in
                switch byte {
                case UInt8(ascii: "\""): Array("%22".utf8)
                case UInt8(ascii: "\r"): Array("%0D".utf8)
                case UInt8(ascii: "\n"): Array("%0A".utf8)
                case UInt8(ascii: "\\"): Array("\\\\".utf8)
                default: [byte]
                }
            }, as: UTF8.self)
    }
}

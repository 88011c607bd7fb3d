/// The head of a part: one field of a form (RFC 7578, section 4).
package struct MultipartPart: Sendable, Hashable {
    package var name: String
    /// The last component of the file's name; `nil` for a part that is not a file.
    package var filename: String?
    /// The type as declared, which clients often do not know: tell images by their bytes instead.
    package var mediaType: MediaType?

    package init(name: String, filename: String? = nil, mediaType: MediaType? = nil) {
        self.name = name
        self.filename = filename
        self.mediaType = mediaType
    }

    /// Whether the part is a file: it has a filename, or else is declared to be an image.
    ///
    /// Some clients give texts a type and others give files none, so any other type says nothing.
    package var isFile: Bool { filename != nil || mediaType?.type == "image" }
}

extension MultipartPart {
    /// Reads the header fields of a part, the empty line at their end included.
    init(head: [UInt8], limits: MultipartLimits) throws(MultipartError) {
        let fields = try Self.fields(of: head)
        let dispositions = fields.values(of: "Content-Disposition")
        guard dispositions.count == 1 else {
            throw MultipartError(.malformed, "it needs one Content-Disposition field but has \(dispositions.count)")
        }
        let disposition = dispositions[0].prefix { $0 != ";" }
        guard disposition.trimmingOptionalWhitespace.equalsIgnoringASCIICase("form-data"),
            let parameters = Parameters(dispositions[0][disposition.endIndex...], backslash: .escapesQuotes)
        else {
            throw MultipartError(.malformed, #"its Content-Disposition is not of the form 'form-data; name="…"'"#)
        }
        guard let name = parameters["name"].map(Self.unescaped) else {
            throw MultipartError(.malformed, "its Content-Disposition has no name")
        }
        guard name.utf8.count <= limits.nameBytes else {
            throw MultipartError(.overLimit, "its name is longer than \(limits.nameBytes) bytes")
        }
        // Deprecated, and no client in use changes the bytes (RFC 7578, section 4.7).
        let encoding = fields["Content-Transfer-Encoding"]?.lowercased() ?? "binary"
        guard ["binary", "8bit", "7bit"].contains(encoding) else {
            throw MultipartError(.malformed, "its Content-Transfer-Encoding must be binary: send the bytes as they are")
        }
        self.init(
            name: name, filename: Self.filename(in: parameters),
            mediaType: fields["Content-Type"].flatMap { MediaType($0) })
    }

    private static func fields(of head: [UInt8]) throws(MultipartError) -> Fields {
        var fields = Fields()
        for line in String(decoding: head, as: UTF8.self).split(separator: "\r\n") {
            guard let colon = line.firstIndex(of: ":") else {
                throw MultipartError(.malformed, "a line of its header has no colon")
            }
            let name = line[..<colon]
            let value = line[line.index(after: colon)...].trimmingOptionalWhitespace
            guard !name.isEmpty, name.utf8.allSatisfy(\.isInToken),
                value.utf8.allSatisfy(isAllowed)
            else {
                throw MultipartError(.malformed, "a line of its header holds characters that are not allowed there")
            }
            fields.append(String(name), String(value))
        }
        return fields
    }

    /// Whether a byte can stand in a field's value (RFC 9110, section 5.5).
    private static func isAllowed(_ byte: UInt8) -> Bool {
        (byte >= 0x20 || byte == UInt8(ascii: "\t")) && byte != 0x7F
    }

    /// The file's name without directories, which some clients send along.
    private static func filename(in parameters: Parameters) -> String? {
        guard let filename = parameters["filename"].map(unescaped) ?? extendedFilename(in: parameters) else {
            return nil
        }
        // By bytes: as characters, a slash followed by an accent would not be a slash.
        let separator = filename.utf8.lastIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        return separator.map { String(filename[filename.utf8.index(after: $0)...]) } ?? filename
    }

    /// The value of `filename*=UTF-8''otter%20%F0%9F%A6%A6.png`, which RFC 7578 forbids but old clients send alone.
    private static func extendedFilename(in parameters: Parameters) -> String? {
        guard let value = parameters["filename*"] else { return nil }
        let pieces = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard pieces.count == 3, pieces[0].equalsIgnoringASCIICase("UTF-8") else { return "" }
        let filename = Percent.decode(pieces[2]) ?? ""
        return filename.utf8.allSatisfy(isAllowed) ? filename : ""
    }

    /// Browsers and their imitators escape `"`, CR and LF, and nothing else (HTML Standard, multipart form data).
    private static func unescaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            let character = escapes.first { rest.starts(with: $0.code.utf8) }?.character
            if byte == UInt8(ascii: "%"), let character {
                rest.removeFirst(2)
                bytes.append(character)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let escapes: [(code: String, character: UInt8)] = [
        ("22", UInt8(ascii: "\"")), ("0D", UInt8(ascii: "\r")), ("0A", UInt8(ascii: "\n")),
    ]
}

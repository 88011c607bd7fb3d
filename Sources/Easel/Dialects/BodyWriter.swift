import JSON

/// Collects a request's body: bytes as far as they are known, image files by name.
struct BodyWriter {
    private var segments: [BodySegment] = []
    private var bytes: [UInt8] = []

    /// The body as it is to be sent.
    consuming func finish() -> [BodySegment] {
        flush()
        return segments
    }

    mutating func write(_ text: String) { bytes += text.utf8 }

    mutating func write(_ segment: BodySegment) {
        flush()
        segments.append(segment)
    }

    /// Writes a rendering as JSON; images become base64 strings, whose characters need no escapes.
    mutating func writeJSON(_ rendering: Rendering) {
        switch rendering {
        case .value(let value): value.encode(into: &bytes)
        case .file(let file): writeBase64(file, prefix: "")
        case .base64(let file, let prefix): writeBase64(file, prefix: prefix)
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                JSONValue.string(member.name).encode(into: &bytes)
                bytes.append(UInt8(ascii: ":"))
                writeJSON(member.value)
            }
            bytes.append(UInt8(ascii: "}"))
        case .list(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                writeJSON(element)
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    private mutating func writeBase64(_ file: ImageFile, prefix: String) {
        write("\"\(prefix)")
        write(.base64(file))
        write("\"")
    }

    private mutating func flush() {
        guard !bytes.isEmpty else { return }
        segments.append(.bytes(bytes))
        bytes = []
    }
}

/// Writes a form as multipart/form-data (RFC 7578).
struct MultipartWriter {
    let boundary: String
    private var body = BodyWriter()

    init(boundary: String) { self.boundary = boundary }

    /// Adds a field: text as it is, a file with a name whose extension fits its type.
    mutating func write(_ name: String, _ rendering: Rendering) {
        let name = Self.quoted(name)
        switch rendering {
        case .file(let file), .base64(let file, _):
            // The type is the one of the magic bytes: what the client called the file is not to be relied on.
            let basename = name.prefix { $0 != "[" }
            body.write(
                """
                --\(boundary)\r
                Content-Disposition: form-data; name="\(name)"; \
                filename="\(basename).\(MediaTypes.fileExtension(of: file.mediaType))"\r
                Content-Type: \(file.mediaType)\r
                \r\n
                """)
            body.write(.file(file))
            body.write("\r\n")
        case .value(let value):
            writeText(name, value.templateText ?? "")
        case .object, .list:
            break
        }
    }

    consuming func finish() -> [BodySegment] {
        body.write("--\(boundary)--\r\n")
        return body.finish()
    }

    private mutating func writeText(_ name: String, _ text: String) {
        body.write("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(text)\r\n")
    }

    /// Escapes what would end the name, as browsers do (WHATWG HTML, multipart/form-data encoding algorithm).
    private static func quoted(_ name: String) -> String {
        var quoted = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "\"": quoted += "%22"
            case "\r": quoted += "%0D"
            case "\n": quoted += "%0A"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted
    }
}

/// The image types that dialects name.
enum MediaTypes {
    /// The usual extension of an image type, `bin` for what is none.
    static func fileExtension(of mediaType: String) -> String {
        guard mediaType.hasPrefix("image/") else { return "bin" }
        let subtype = mediaType.dropFirst("image/".count).lowercased()
        return subtype == "jpeg" ? "jpg" : subtype == "svg+xml" ? "svg" : subtype
    }

    /// The media type of a format as provider pages name it: `PNG`, `jpg`, `webp`.
    static func named(_ format: String) -> String? {
        let format = format.lowercased()
        if ["jpg", "jpeg"].contains(format) { return "image/jpeg" }
        if ["tif", "tiff"].contains(format) { return "image/tiff" }
        return ["png", "webp", "gif", "bmp", "heic", "avif"].contains(format) ? "image/\(format)" : nil
    }
}

import JSON

/// An input image as a request names it, not yet looked at.
struct ImageReference: Sendable {
    enum Source: Sendable {
        case file(SpooledFile)
        /// An address, a `data:` URI, or bare base64.
        case text(String)
    }

    var source: Source
    /// The client's name for it, such as `images[0].image_url`.
    var parameter: String
}

extension ImageReference {
    /// Finds every input image of a request, in order of appearance, and the mask.
    ///
    /// Forms spell them `image`, `image[]`, `image[0]`, `images`, `images[]`, repeated or not; JSON has `images` as a
    /// list of `{"image_url": …}` or of texts, and `image` as a text or a list.
    static func all(in values: RequestValues) throws(GatewayError) -> (images: [ImageReference], mask: ImageReference?)
    {
        var images: [ImageReference] = []
        var mask: ImageReference?
        for (name, value) in values.entries {
            switch Self.role(of: name) {
            case .image: images += try references(value, name, values.externals)
            case .mask where mask == nil:
                mask = try references(value, name, values.externals).first
                if mask == nil, case .json(.array) = value {
                    throw .invalid(name, "'\(name)' must be one image, not a list of none.", code: "invalid_type")
                }
            case .mask, nil: break
            }
        }
        return (images, mask)
    }

    /// Whether a name is one of the spellings of an input image or of the mask.
    static func isImage(_ name: String) -> Bool { role(of: name) != nil }

    private enum Role {
        case image, mask
    }

    private static func role(of name: String) -> Role? {
        let end = name.utf8.firstIndex(of: UInt8(ascii: "[")) ?? name.endIndex
        let index = name[end...]
        let isIndex = index.isEmpty || (index.last == "]" && index.dropFirst().dropLast().allSatisfy(\.isNumber))
        guard isIndex else { return nil }
        switch String(name[..<end]) {
        case "image", "images", "image_url", "image_urls", "input_image", "image2", "image3": return .image
        case "mask": return .mask
        default: return nil
        }
    }

    private static func references(
        _ value: RequestValues.Value, _ name: String, _ externals: [SpooledFile]
    ) throws(GatewayError) -> [ImageReference] {
        switch value {
        case .file(let file): return [ImageReference(source: .file(file), parameter: name)]
        case .text(""): return []
        case .text(let text): return [ImageReference(source: .text(text), parameter: name)]
        case .json(let json): return try references(json, name, externals)
        }
    }

    private static func references(
        _ json: JSONValue, _ name: String, _ externals: [SpooledFile]
    ) throws(GatewayError) -> [ImageReference] {
        switch json {
        case .null, .string(""): return []
        case .string(let text): return [ImageReference(source: .text(text), parameter: name)]
        case .external(let index):
            guard externals.indices.contains(index) else { return [] }
            return [ImageReference(source: .file(externals[index]), parameter: name)]
        case .array(let elements):
            var found: [ImageReference] = []
            for (index, element) in elements.enumerated() {
                found += try references(element, "\(name)[\(index)]", externals)
            }
            return found
        case .object(let object):
            if object["file_id"].map({ !$0.isNull }) == true {
                throw .invalid(
                    "\(name).file_id",
                    "Files are not stored here, so 'file_id' cannot be used. Send 'image_url' with an https or data: URL."
                )
            }
            guard let url = object["image_url"] ?? object["url"], !url.isNull, url != .string("") else {
                throw .invalid(name, "'\(name)' must have an 'image_url'.")
            }
            let parameter = "\(name).image_url"
            guard url.array == nil else {
                throw .invalid(
                    parameter, "Invalid type for '\(parameter)': expected a string, but got an array instead.",
                    code: "invalid_type")
            }
            return try references(url, parameter, externals)
        case .bool, .integer, .double, .verbatim:
            throw .invalid(
                name, "Invalid type for '\(name)': expected an image, but got \(json.kind) instead.",
                code: "invalid_type")
        }
    }
}

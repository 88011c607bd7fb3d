import Crypto
import JSON

/// What a request asks for, as one digest: equal for requests that mean the same, however they were written.
///
/// It is taken of the request as it was understood. So a form's boundary, the order of its fields, the spelling of a
/// parameter and the white space of JSON make no difference; a name that means nothing to Easel does, with its value.
/// The client's key is no part of it: the ledger looks for both.
struct Fingerprint {
    var order: ImageOrder
    /// What each input image is, in the order's order.
    var images: [Picture]
    var mask: Picture?
    var delivery: Submission.Delivery
    var isStrict: Bool
    /// The values under names that mean nothing to Easel, sorted by name.
    var unknown: [UnknownValue]

    /// An input image by its content, or by its address: what is behind that may change, but what was asked for does not.
    enum Picture: Sendable, Hashable {
        case content(Digest)
        case address(String)
    }

    /// A value as text, which is all that a form can tell of it.
    struct UnknownValue: Sendable, Hashable {
        var name: String
        var text: String
    }

    var digest: Digest { SHA256.digest(of: json.encoded()) }

    private var json: JSONValue {
        [
            "operation": .string(order.operation.rawValue), "model": .string(order.model),
            "prompt": .string(order.prompt), "n": .integer(Int64(order.count)), "size": order.size.json,
            "parameters": .array(
                order.parameters.sorted { $0.key.rawValue < $1.key.rawValue }
                    .map { [.string($0.key.rawValue), $0.value] }),
            "images": .array(images.map(\.json)), "mask": mask?.json ?? .null,
            "delivery": .string(delivery.rawValue), "strict": .bool(isStrict),
            "stream": .bool(order.isStreamed),
            "unknown": .array(unknown.map { [.string($0.name), .string($0.text)] }),
        ]
    }
}

extension Fingerprint.Picture {
    /// An input image as it was resolved: the file it points into, or its address.
    init?(_ input: ImageInput, _ file: SpooledFile?) {
        switch (input, file) {
        case (.url(let url), _): self = .address(url)
        case (.file, let file?): self = .content(file.digest)
        case (.file, nil): return nil
        }
    }

    fileprivate var json: JSONValue {
        switch self {
        case .content(let digest): ["sha256": .string(digest.description)]
        case .address(let url): ["url": .string(url)]
        }
    }
}

extension Size {
    fileprivate var json: JSONValue {
        switch self {
        case .auto: "auto"
        case .pixels(let width, let height): ["pixels", .integer(Int64(width)), .integer(Int64(height))]
        case .aspect(let width, let height): ["aspect", .integer(Int64(width)), .integer(Int64(height))]
        case .level(let level): ["level", .string(level)]
        }
    }
}

extension OrderReader {
    /// The values under names that mean nothing to Easel, sorted by name; those of one name keep their order.
    func values(of unknownNames: [String]) -> [Fingerprint.UnknownValue] {
        guard !unknownNames.isEmpty else { return [] }
        let unknown = Set(unknownNames)
        return values.entries.enumerated()
            .filter { unknown.contains($0.element.name) }
            .sorted { ($0.element.name, $0.offset) < ($1.element.name, $1.offset) }
            .compactMap { entry in
                text(of: entry.element.value).map { Fingerprint.UnknownValue(name: entry.element.name, text: $0) }
            }
    }

    /// `nil` for what is as good as absent.
    private func text(of value: RequestValues.Value) -> String? {
        switch value {
        case .text(""), .json(.null), .json(.string("")): nil
        case .text(let text), .json(.string(let text)): text
        case .json(let json): json.replacingExternals { .string(digest(ofExternal: $0)) }.sorted.text
        case .file(let file): file.digest.description
        }
    }

    private func digest(ofExternal number: Int) -> String {
        values.externals.indices.contains(number) ? values.externals[number].digest.description : ""
    }
}

extension JSONValue {
    /// The value with the members of every object in the order of their names.
    fileprivate var sorted: JSONValue {
        switch self {
        case .array(let elements): return .array(elements.map(\.sorted))
        case .object(let object):
            var sorted = JSONObject()
            for member in object.members.sorted(by: { $0.name < $1.name }) { sorted[member.name] = member.value.sorted }
            return .object(sorted)
        default: return self
        }
    }
}

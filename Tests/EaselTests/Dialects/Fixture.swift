import FoundationEssentials
import HTTP
import JSON
import Testing

@testable import Easel

/// A case of `Fixtures/dialects/<dialect>/<case>.json`: an order and the requests it becomes, answers and what they mean.
///
/// Bodies are compared as JSON or as the lines of a form, with `<base64 of in.png>` and `<bytes of in.png>` where
/// images are. The dialects are the files of `config/dialects`, as they are on disk.
struct Fixture: Sendable, CustomTestStringConvertible {
    let name: String
    let dialect: Dialect
    let json: JSONValue

    var testDescription: String { name }

    /// The cases of every dialect, in alphabetical order.
    static let all: [Fixture] = {
        do {
            return try names(in: root).flatMap { folder -> [Fixture] in
                let dialect = try dialect(folder)
                return try names(in: "\(root)/\(folder)").map { file in
                    Fixture(
                        name: "\(folder)/\(file.dropLast(5))", dialect: dialect,
                        json: try JSONValue(parsing: contents("\(root)/\(folder)/\(file)")))
                }
            }
        } catch {
            fatalError("Fixtures cannot be read: \(error)")
        }
    }()

    /// The folder that the package is in.
    static let package = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    static let root = "\(package)/Tests/EaselTests/Fixtures/dialects"

    static func dialect(_ name: String) throws -> Dialect {
        let file = "config/dialects/\(name).yaml"
        return try DialectCompiler.compile(text: contents("\(package)/\(file)"), name: name, file: file).get()
    }

    /// The names of a folder's entries, in alphabetical order.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    static func contents(_ path: String) throws -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw FixtureError(message: "\(path) cannot be read")
        }
        return Array(data)
    }
}

struct FixtureError: Error {
    var message: String
}

// What a fixture says.
extension Fixture {
    var order: ImageOrder? {
        guard let order = json["order"] else { return nil }
        var result = ImageOrder(
            operation: order["images"] == nil ? .generate : .edit, model: "test",
            prompt: order["prompt"]?.string ?? "a cat")
        result.images = (order["images"]?.array ?? []).map(Self.image)
        result.mask = order["mask"].map(Self.image)
        result.count = order["n"]?.int64.map(Int.init) ?? 1
        result.size = order["size"]?.string.flatMap(SizeRuleReader.size) ?? .auto
        result.isStreamed = order["stream"]?.bool ?? false
        for parameter in Parameter.allCases { result.parameters[parameter] = order[parameter.rawValue] }
        return result
    }

    var endpoint: ProviderEndpoint {
        let endpoint = json["endpoint"]
        return ProviderEndpoint(
            baseURL: endpoint?["base_url"]?.string ?? dialect.defaultBaseURL ?? "https://provider.example/v1",
            apiKey: Secret("test.key"), model: endpoint?["model"]?.string ?? "test-model",
            paths: Self.texts(endpoint?["paths"]), headers: Self.texts(endpoint?["headers"]))
    }

    var isStrict: Bool { json["strict"]?.bool ?? false }

    /// The task that questions about a queue are about.
    var task: UpstreamTask { json["task"].flatMap(UpstreamTask.init) ?? UpstreamTask(id: "task-1") }

    /// An address, or the name of a file of 1200 bytes and 640 by 480 pixels.
    private static func image(_ json: JSONValue) -> ImageInput {
        let text = json.string ?? ""
        if text.contains("://") { return .url(text) }
        let type = text.hasSuffix(".jpg") ? "image/jpeg" : "image/\(text.split(separator: ".").last ?? "png")"
        return .file(ImageFile(path: text, length: 1200, mediaType: type, width: 640, height: 480))
    }

    private static func texts(_ json: JSONValue?) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (json?.object?.members ?? []).map { ($0.name, $0.value.string ?? "") })
    }

    /// Puts an answer's `events` together, each a `name` and `json`: the partial images, and the answer that came of them.
    func assemble(_ json: JSONValue) throws -> (partials: [JSONValue], answer: Answer?) {
        guard let rules = dialect.variant(for: endpoint.model).stream else {
            throw FixtureError(message: "\(name): the dialect has no 'stream' for this model")
        }
        var assembly = EventAssembly(rules, dialect.reader)
        var partials: [JSONValue] = []
        for event in json["events"]?.array ?? [] {
            let data = Self.externals(event["json"] ?? .null)
            var fileCount = 0
            _ = data.replacingExternals { _ in
                fileCount += 1
                return .null
            }
            switch assembly.take(data, named: event["name"]?.string ?? "", fileCount: fileCount) {
            case .partial(let index, let payload):
                partials.append(["index": .integer(Int64(index)), "image": .string("\(payload)")])
            case .part, .nothing: continue
            case .end:
                return (partials, assembly.answer(status: 200, fields: [:]))
            }
        }
        return (partials, assembly.answer(status: 200, fields: [:]))
    }

    /// An answer of a fixture: `status` (200), `headers`, and a body as `json`, `text` or `image`.
    static func answer(_ json: JSONValue) -> Answer {
        var fields = Fields()
        for (name, value) in texts(json["headers"]).sorted(by: { $0.key < $1.key }) { fields[name] = value }
        let body: Answer.Body =
            if let value = json["json"] {
                .json(externals(value))
            } else if let text = json["text"]?.string {
                .text(text)
            } else if let mediaType = json["image"]?.string {
                .image(mediaType: mediaType)
            } else {
                .empty
            }
        return Answer(status: json["status"]?.int64.map(Int.init) ?? 200, fields: fields, body: body)
    }

    /// Strings like `<external 0>` are what the engine makes of long base64.
    private static func externals(_ json: JSONValue) -> JSONValue {
        switch json {
        case .string(let text):
            guard text.hasPrefix("<external "), let number = Int(text.dropFirst(10).dropLast()) else { return json }
            return .external(number)
        case .array(let elements): return .array(elements.map(externals))
        case .object(let object):
            var result = JSONObject()
            for member in object.members { result[member.name] = externals(member.value) }
            return .object(result)
        default: return json
        }
    }
}

import HTTPServer
import JSON
import YAML

/// The configured models as OpenAI lists its own.
enum ModelsAnswer {
    static func list(_ configuration: Configuration, for caller: KeyRecord) -> Response {
        let entries = configuration.names(for: caller).map { JSONValue.object(entry($0)) }
        return .json(["object": "list", "data": .array(entries)])
    }

    /// One model, with what can be asked of it.
    static func one(
        _ name: String, _ configuration: Configuration, for caller: KeyRecord
    ) throws(GatewayError) -> Response {
        guard let model = configuration.model(named: name), caller.mayUse(model.name) else {
            throw .unknownModel(name, suggestion: suggestion(for: name, among: configuration.names(for: caller)))
        }
        var entry = entry(name)
        entry["easel"] = [
            "model": .string(model.name),
            "routes": .array(
                model.routes.map { route in
                    let dialect = configuration.providers[route.provider]?.dialect
                    return [
                        "provider": .string(route.provider), "model": .string(route.model),
                        "price": route.price?.json ?? .null,
                        "currency": .string(configuration.currency),
                        "operations": .array(
                            (dialect?.operations ?? []).map(\.rawValue).sorted().map(JSONValue.string)),
                    ]
                }),
        ]
        return .json(.object(entry))
    }

    /// The answer to a request to delete a model, which is that it stays: models are the owner's.
    ///
    /// Clients check `deleted`; an error would be OpenAI's answer for a model of somebody else's.
    static func kept(
        _ name: String, _ configuration: Configuration, for caller: KeyRecord
    ) throws(GatewayError) -> Response {
        _ = try one(name, configuration, for: caller)
        return .json([
            "id": .string(name), "object": "model", "deleted": false,
            "easel": ["note": "Models are changed in the gateway's configuration, by its owner."],
        ])
    }

    /// The four members that strict clients insist on.
    private static func entry(_ name: String) -> JSONObject {
        ["id": .string(name), "object": "model", "created": 1_735_689_600, "owned_by": "easel"]
    }
}

extension Configuration {
    /// The names of the models that a key's owner may use, aliases last.
    func names(for caller: KeyRecord) -> [String] {
        (models.map(\.name) + aliases.keys.sorted()).filter { name in
            model(named: name).map { caller.mayUse($0.name) } ?? false
        }
    }
}

extension Price {
    /// A number where every image costs the same; otherwise an object as in the configuration.
    fileprivate var json: JSONValue {
        if let image, self == Price(image: image) { return image.json }
        var object = JSONObject()
        object["image"] = image?.json
        object["input"] = input?.json
        var lines = JSONObject()
        for line in table { lines["\(line)"] = line.image.json }
        if !table.isEmpty { object["table"] = .object(lines) }
        return .object(object)
    }
}

import JSON

/// Reads an order out of a request's values: every spelling clients use, every bound that holds for all providers.
struct OrderReader {
    let values: RequestValues
    private let reader: ValueReader

    init(_ values: RequestValues) {
        self.values = values
        reader = ValueReader(values: values)
    }

    /// The longest prompt of any provider, in characters (OpenAI's GPT image models).
    static let promptLimit = 32_000
    /// The most images one request may ask for (OpenAI).
    static let countLimit = 10

    /// The model's name as the client wrote it.
    func model() throws(GatewayError) -> String? { try reader.text("model") }

    /// Everything of the order but its model and input images.
    func order(_ operation: ImageOrder.Operation, model: String) throws(GatewayError) -> ImageOrder {
        var order = ImageOrder(operation: operation, model: model, prompt: try prompt())
        order.count = try count()
        order.size = try size()
        order.parameters = try parameters()
        order.isStreamed = try isStreamed(order.count)
        // Without streaming there is nobody to see them.
        if !order.isStreamed { order.parameters[.partialImages] = nil }
        return order
    }

    func delivery(model: String?) throws(GatewayError) -> Submission.Delivery {
        try Submission.Delivery(asked: try reader.text("response_format"), model: model)
    }

    /// Names in the request that mean nothing to Easel, in order: they are reported as dropped.
    var unknownNames: [String] {
        var names: [String] = []
        for (name, value) in values.entries where !Self.known.contains(name) && !ImageReference.isImage(name) {
            if case .json(.null) = value { continue }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    private func prompt() throws(GatewayError) -> String {
        guard let prompt = try reader.text("prompt"), !prompt.isEmpty else { throw .missing("prompt") }
        guard prompt.count <= Self.promptLimit else {
            throw .invalid(
                "prompt", "Invalid 'prompt': string too long. Expected at most \(Self.promptLimit) characters.",
                code: "string_above_max_length")
        }
        return prompt
    }

    private func count() throws(GatewayError) -> Int {
        guard let count = try first(["n", "batch_size", "num_images"], reader.integer) else { return 1 }
        guard (1...Int64(Self.countLimit)).contains(count) else {
            throw .invalid(
                "n", "Invalid value for 'n': \(count). It must be between 1 and \(Self.countLimit).",
                code: count < 1 ? "integer_below_min_value" : "integer_above_max_value")
        }
        return Int(count)
    }

    private func size() throws(GatewayError) -> Size {
        if let text = try first(["size", "image_size", "aspect_ratio"], reader.text) {
            guard let size = Size(text) else {
                throw .invalid(
                    "size",
                    "Invalid size '\(text.shortened(to: 60))'. Write it like '1024x1024', '16:9', '2K' or 'auto'.")
            }
            return size
        }
        guard let width = try reader.integer("width"), let height = try reader.integer("height") else { return .auto }
        let sides = 1...Int64(Size.longestSide)
        guard sides.contains(width), sides.contains(height) else {
            throw .invalid("width", "'width' and 'height' must be between 1 and \(Size.longestSide) pixels.")
        }
        return .pixels(width: Int(width), height: Int(height))
    }

    private func parameters() throws(GatewayError) -> [Parameter: JSONValue] {
        var parameters: [Parameter: JSONValue] = [:]
        for (name, _) in values.entries {
            guard let parameter = Self.spellings[name], parameters[parameter] == nil else { continue }
            parameters[parameter] = try value(of: parameter)
        }
        return parameters
    }

    private func value(of parameter: Parameter) throws(GatewayError) -> JSONValue? {
        let names = Self.names(of: parameter)
        switch parameter {
        case .seed:
            // -1 is how several clients spell "random", which is what leaving it out means here.
            guard let seed = try first(names, reader.integer), seed != -1 else { return nil }
            guard seed >= 0 else {
                throw .invalid("seed", "Invalid value for 'seed': \(seed). It must not be negative.")
            }
            return .integer(seed)
        case .steps:
            guard let steps = try first(names, reader.integer) else { return nil }
            return .integer(try within(1...10_000, steps, parameter))
        case .outputCompression:
            guard let percent = try first(names, reader.integer) else { return nil }
            return .integer(try within(0...100, percent, parameter))
        case .partialImages:
            guard let count = try first(names, reader.integer), try within(0...3, count, parameter) > 0 else {
                return nil
            }
            return .integer(count)
        case .guidanceScale, .cfg:
            guard let number = try first(names, reader.number) else { return nil }
            return .double(try within(0...1000, number, parameter))
        case .strength:
            guard let number = try first(names, reader.number) else { return nil }
            return .double(try within(0...1, number, parameter))
        case .promptExtend, .watermark: return try first(names, reader.flag).map(JSONValue.bool)
        case .outputFormat:
            guard let format = try first(names, reader.text) else { return nil }
            return .string(
                try oneOf(["png", "jpeg", "webp", "gif", "svg"], format == "jpg" ? "jpeg" : format, parameter))
        case .background:
            guard let background = try first(names, reader.text) else { return nil }
            return .string(try oneOf(["transparent", "opaque", "auto"], background, parameter))
        case .negativePrompt, .quality, .style, .moderation, .inputFidelity, .user:
            return try first(names, reader.text).map(JSONValue.string)
        }
    }

    /// Events do not say which image they are about, so there can be only one.
    private func isStreamed(_ count: Int) throws(GatewayError) -> Bool {
        guard try reader.flag("stream") == true else { return false }
        guard count == 1 else {
            throw .invalid("n", "Streaming is only supported with n=1.", code: "unsupported_parameter")
        }
        return true
    }

    private func first<Value>(
        _ names: [String], _ read: (String) throws(GatewayError) -> Value?
    ) throws(GatewayError) -> Value? {
        for name in names {
            if let value = try read(name) { return value }
        }
        return nil
    }

    private func within<Number: Comparable>(
        _ range: ClosedRange<Number>, _ value: Number, _ parameter: Parameter
    ) throws(GatewayError) -> Number {
        guard range.contains(value) else {
            throw .invalid(
                parameter.rawValue,
                "Invalid value for '\(parameter.rawValue)': \(value). It must be between \(range.lowerBound) and \(range.upperBound)."
            )
        }
        return value
    }

    private func oneOf(_ choices: [String], _ value: String, _ parameter: Parameter) throws(GatewayError) -> String {
        guard choices.contains(value) else {
            throw .invalid(
                parameter.rawValue,
                "Invalid value: '\(value.shortened(to: 60))'. Supported values are: \(choices.map { "'\($0)'" }.joined(separator: ", "))."
            )
        }
        return value
    }

    /// A parameter's canonical name, and after it other spellings seen in the wild.
    private static func names(of parameter: Parameter) -> [String] {
        switch parameter {
        case .steps: [parameter.rawValue, "num_inference_steps", "sample_steps"]
        case .cfg: [parameter.rawValue, "true_cfg_scale"]
        case .guidanceScale: [parameter.rawValue, "guidance"]
        default: [parameter.rawValue]
        }
    }

    private static let spellings = Dictionary(
        uniqueKeysWithValues: Parameter.allCases.flatMap { parameter in names(of: parameter).map { ($0, parameter) } })

    private static let known = Set(spellings.keys)
        .union([
            "model", "prompt", "n", "batch_size", "num_images", "size", "image_size", "aspect_ratio", "width", "height",
            "response_format", "stream",
        ])
}

import JSON

/// Reads typed values out of a request's body; a value of the wrong type is a 400 that names the parameter.
struct ValueReader {
    let values: RequestValues

    func text(_ name: String) throws(GatewayError) -> String? {
        switch values[name] {
        case nil: nil
        case .text(let text), .json(.string(let text)): text
        case .json(.external): throw tooLong(name)
        case .json(let value): throw wrongType(name, "a string", value)
        case .file: throw GatewayError.invalid(name, "'\(name)' must be text, not a file.")
        }
    }

    func integer(_ name: String) throws(GatewayError) -> Int64? {
        switch values[name] {
        case nil: return nil
        case .json(let value):
            guard let integer = value.int64 else { throw wrongType(name, "an integer", value) }
            return integer
        case .text(let text):
            guard let integer = Int64(text) else { throw wrongText(name, "an integer", text) }
            return integer
        case .file: throw GatewayError.invalid(name, "'\(name)' must be an integer, not a file.")
        }
    }

    func number(_ name: String) throws(GatewayError) -> Double? {
        switch values[name] {
        case nil: return nil
        case .json(let value):
            guard let number = value.number else { throw wrongType(name, "a number", value) }
            return number
        case .text(let text):
            guard let number = Double(text), number.isFinite else { throw wrongText(name, "a number", text) }
            return number
        case .file: throw GatewayError.invalid(name, "'\(name)' must be a number, not a file.")
        }
    }

    func flag(_ name: String) throws(GatewayError) -> Bool? {
        switch values[name] {
        case nil: return nil
        case .json(let value):
            guard let flag = value.bool else { throw wrongType(name, "a boolean", value) }
            return flag
        case .text("true"), .text("True"), .text("1"): return true
        case .text("false"), .text("False"), .text("0"): return false
        case .text(let text): throw wrongText(name, "true or false", text)
        case .file: throw GatewayError.invalid(name, "'\(name)' must be true or false, not a file.")
        }
    }

    private func wrongType(_ name: String, _ wanted: String, _ value: JSONValue) -> GatewayError {
        .invalid(
            name, "Invalid type for '\(name)': expected \(wanted), but got \(value.kind) instead.", code: "invalid_type"
        )
    }

    private func wrongText(_ name: String, _ wanted: String, _ text: String) -> GatewayError {
        .invalid(
            name, "Invalid value for '\(name)': expected \(wanted), but got '\(text.shortened(to: 60))' instead.",
            code: "invalid_type")
    }

    private func tooLong(_ name: String) -> GatewayError {
        .invalid(name, "'\(name)' is too long.", code: "string_above_max_length")
    }
}

extension JSONValue {
    /// The kind of value with its article, for messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .double: "a number"
        case .string, .external: "a string"
        case .array: "an array"
        case .object: "an object"
        case .verbatim: "JSON"
        }
    }
}

import JSON

/// The values of a request's body by name, whether it came as JSON or as a form.
struct RequestValues: Sendable {
    enum Value: Sendable {
        case json(JSONValue)
        /// A form's text part: numbers and booleans are spelled out.
        case text(String)
        case file(SpooledFile)
    }

    typealias Entry = (name: String, value: Value)

    /// In the order of the body; a form may repeat a name.
    var entries: [Entry] = []
    /// The long strings of a JSON body, which are on disk: `.external(n)` is the n-th.
    var externals: [SpooledFile] = []
    /// Bytes of the body as it came.
    var bodyLength = 0
    /// The room for them.
    var hold: BytesInFlight.Hold?

    /// The last value under a name; `null`, and an empty text in a form, count as absent.
    subscript(name: String) -> Value? {
        switch entries.last(where: { $0.name == name })?.value {
        case .json(.null), .text(""), nil: nil
        case let value?: value
        }
    }

    /// The values, with others for what the client left out.
    func completed(by standIns: [Entry]) -> RequestValues {
        var values = self
        values.entries += standIns.filter { self[$0.name] == nil }
        return values
    }
}

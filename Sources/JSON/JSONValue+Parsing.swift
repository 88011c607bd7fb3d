extension JSONValue {
    /// Reads a JSON text that is in memory, and keeps every string there.
    package init(
        parsing text: [UInt8], limits: JSONLimits = JSONLimits(), strictness: JSONStrictness = .strict
    ) throws(JSONError) {
        var parser = JSONParser(sink: InMemoryStrings(), limits: limits, strictness: strictness)
        try parser.feed(text.span)
        self = try parser.finish()
    }
}

import HTTP

extension Target {
    /// The small values of header fields and targets: what is read can be written and read again.
    static func fields(_ input: [UInt8]) {
        let text = String(decoding: input, as: UTF8.self)
        if let type = MediaType(text) { require(MediaType(type.description) == type) }
        if let date = HTTPDate(text) { require(HTTPDate(date.description) == date) }
        if let tag = EntityTag(parsing: text) {
            require(EntityTag(parsing: tag.description) == tag)
            require(tag.matches(ifNoneMatch: text))
        }
        if let decoded = Percent.decode(text) { require(Percent.decode(Percent.encode(decoded)) == decoded) }
        _ = EntityTag("x").matches(ifNoneMatch: text)
        if case .satisfiable(let range)? = ByteRange(text, length: 1000) {
            require(!range.isEmpty && (0..<1000).contains(range))
        }
        if let uri = DataURI(head: input.span) {
            require(input[uri.payloadOffset - 1] == UInt8(ascii: ","))
        }
    }
}

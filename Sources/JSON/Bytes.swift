extension [UInt8] {
    /// Adds the bytes of a span; compiles to one `memcpy`.
    mutating func append(copying bytes: Span<UInt8>) {
        append(addingCapacity: bytes.count) { output in
            for index in bytes.indices { output.append(bytes[index]) }
        }
    }
}

extension UInt8 {
    /// The byte as an error message shows it.
    var nameInMessages: String {
        switch self {
        case 0x21...0x7E: "'\(Unicode.Scalar(self))'"
        case 0x80...: "a character outside of ASCII"
        default: "a control character"
        }
    }
}

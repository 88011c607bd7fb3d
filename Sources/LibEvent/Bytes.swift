extension [UInt8] {
    /// Adds a copy of borrowed bytes at the end, all at once.
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

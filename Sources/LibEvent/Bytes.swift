import Glibc

extension [UInt8] {
    /// Adds a copy of borrowed bytes at the end, all at once.
    package mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

extension EventLoop {
    /// Whole seconds since 1970 by the wall clock, for dates that people and protocols see.
    ///
    /// The corresponding C function is `time`.
    package nonisolated static var secondsSince1970: Int { time(nil) }
}

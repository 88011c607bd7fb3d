import Glibc

/// The standard error stream, written without a buffer so that nothing is lost when the process dies.
package enum StandardError {
    /// Writes a text whole; what the other end refuses is dropped.
    ///
    /// The corresponding C function is `write`.
    package static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while unsafe !rest.isEmpty {
                let count = unsafe Glibc.write(STDERR_FILENO, rest.baseAddress, rest.count)
                guard count > 0 || errno == EINTR else { return }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(0, count)))
            }
        }
    }
}

/// The process's environment.
package enum Environment {
    /// The value of a variable; `nil` when it is not set.
    ///
    /// The corresponding C function is `getenv`.
    package static func value(of name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }
}

import Glibc
import LibEvent

/// The three streams that a program has from its start.
package enum StandardStreams {
    /// Opens those that whoever started the program has closed.
    ///
    /// The next file or connection would get their numbers otherwise, and the log be written into it. To be called before
    /// anything is opened. The corresponding C functions are `fcntl` and `open`.
    package static func openClosed() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            // The lowest number that is free is this one. It stays open for as long as the program runs.
            _ = unsafe Glibc.open("/dev/null", O_RDWR)
        }
    }
}

/// The standard output stream, which `print` writes to.
package enum StandardOutput {
    /// Writes out what was printed.
    ///
    /// That nobody reads it any more is no failure: `head` has seen enough. The corresponding C function is `fflush`.
    package static func flush() throws(FileError) {
        guard fflush(nil) != 0, errno != EPIPE else { return }
        throw FileError(code: errno, path: "standard output", operation: "write to")
    }
}

/// The standard error stream.
package enum StandardError {
    private static let output = GatheredOutput(to: STDERR_FILENO)

    /// Writes a text whole, after all that came before it; what the other end refuses is dropped.
    package static func write(_ text: String) {
        output.gather(text)
        output.flush()
    }

    /// Writes a text with all others of the same turn of the event loop, in their order and at its end.
    ///
    /// On other threads than the loop's it is written at once.
    package static func gather(_ text: String) { output.gather(text) }

    /// Writes what was gathered: to be called before the process ends.
    package static func flush() { output.flush() }
}

/// Text on its way to a descriptor, where it goes once per turn of the event loop.
final class GatheredOutput: Sendable {
    private let descriptor: CInt
    private let waiting = Lock<[UInt8]>([])

    /// Bytes that wait at most.
    static let limit = 64 << 10

    init(to descriptor: CInt) { self.descriptor = descriptor }

    func gather(_ text: String) {
        let isFirst = waiting.withLock { waiting in
            let isFirst = waiting.isEmpty
            waiting.append(contentsOf: text.utf8)
            if waiting.count > Self.limit { write(&waiting) }
            return isFirst && !waiting.isEmpty
        }
        if isFirst, !EventLoop.putOff({ self.flush() }) { flush() }
    }

    func flush() { waiting.withLock { write(&$0) } }

    /// The corresponding C function is `write`.
    private func write(_ bytes: inout [UInt8]) {
        unsafe bytes.withUnsafeBytes { bytes in
            var rest = unsafe bytes
            while unsafe !rest.isEmpty {
                let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 || errno == EINTR else { return }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(0, count)))
            }
        }
        bytes.removeAll(keepingCapacity: true)
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

import CLinux
import Glibc

/// Owns a file descriptor, and calls again what a signal has interrupted.
struct Descriptor: ~Copyable, Sendable {
    let number: CInt
    /// For errors only: what the descriptor refers to may have been renamed since.
    let path: String

    /// The corresponding C function is `open`; the descriptor is not inherited by other programs.
    init(opening path: String, _ flags: CInt, mode: mode_t = 0o600) throws(FileError) {
        number = retryingInterrupted { unsafe open(path, flags | O_CLOEXEC, mode) }
        self.path = path
        guard number >= 0 else { throw FileError(code: errno, path: path, operation: "open") }
    }

    deinit {
        if number >= 0 { close(number) }
    }

    /// Writes all bytes, in as many calls as it takes.
    ///
    /// The corresponding C function is `write`.
    ///
    /// - Returns: How many were written, and the `errno` of what stopped it.
    func write(_ bytes: Span<UInt8>) -> (count: Int, failure: CInt?) {
        unsafe bytes.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                let count = retryingInterrupted { unsafe Glibc.write(number, rest.baseAddress, rest.count) }
                if count < 0 { return (written, errno) }
                if count == 0 { return (written, EIO) }
                written += count
            }
            return (written, nil)
        }
    }

    /// The next bytes, `limit` at most; none at the end.
    ///
    /// The corresponding C function is `read`.
    func read(upTo limit: Int) throws(FileError) -> [UInt8] {
        var failure: CInt?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let result = retryingInterrupted { unsafe Glibc.read(number, buffer.baseAddress, limit) }
            if result < 0 { failure = errno }
            count = max(result, 0)
        }
        if let failure { throw FileError(code: failure, path: path, operation: "read") }
        return bytes
    }

    /// Has the system begin to put on the disk what was written, and does not wait for it.
    ///
    /// Should that not work, ``synchronize()`` will tell. The corresponding C function is `sync_file_range`.
    func beginSynchronizing() {
        _ = sync_file_range(number, 0, 0, UInt32(easel_begin_writing))
    }

    /// Waits until everything written is on the disk.
    ///
    /// The corresponding C function is `fsync`.
    func synchronize() throws(FileError) {
        guard retryingInterrupted({ fsync(number) }) == 0 else {
            throw FileError(code: errno, path: path, operation: "flush")
        }
    }
}

/// Calls until it is not a signal that cut the call short.
func retryingInterrupted<Result: SignedInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result != -1 || errno != EINTR { return result }
    }
}

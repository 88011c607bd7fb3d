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
    private static let output = GatheredOutput(to: STDERR_FILENO) { count in
        "level=warning message=\"lines of the log were lost, as nobody read them\" lines=\(count)\n"
    }

    /// Writes a text whole, after all that came before it; what the other end refuses is dropped.
    package static func write(_ text: String) {
        output.gather(text)
        output.flush(within: nil)
    }

    /// Writes a text with all others of the same turn of the event loop, in their order and at its end.
    ///
    /// On other threads than the loop's it is written at once. It never waits: where nobody reads, a little is kept for
    /// later, and a line says how many others were lost.
    package static func gather(_ text: String) { output.gather(text) }

    /// Writes what was gathered, if somebody reads it soon: to be called before the process ends.
    package static func flush() { output.flush(within: .seconds(1)) }
}

/// Text on its way to a descriptor, where it goes once per turn of the event loop.
final class GatheredOutput: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        /// Whether the end of the turn writes what is there by then.
        var isPutOff = false
        /// Texts for which there was no room.
        var lost = 0

        func hasRoom(for text: String) -> Bool {
            waiting.isEmpty || waiting.count + text.utf8.count <= GatheredOutput.limit
        }
    }

    private let descriptor: CInt
    private let state = Lock(State())
    /// What is written in the place of so many lost texts.
    private let note: @Sendable (_ lost: Int) -> String

    /// Bytes that wait at most.
    static let limit = 64 << 10

    init(to descriptor: CInt, note: @escaping @Sendable (_ lost: Int) -> String = { _ in "" }) {
        self.descriptor = descriptor
        self.note = note
    }

    func gather(_ text: String) {
        let isToPutOff = state.withLock { state in
            if state.lost > 0 || !state.hasRoom(for: text) { write(&state, within: .zero) }
            // The note about those that are lost comes before any other.
            guard state.lost == 0, state.hasRoom(for: text) else {
                state.lost += 1
                return false
            }
            state.waiting.append(contentsOf: text.utf8)
            defer { state.isPutOff = true }
            return !state.isPutOff
        }
        if isToPutOff, !EventLoop.putOff({ self.flush(within: .zero) }) { flush(within: .zero) }
    }

    /// Writes as much as the other end takes without a pause of more than that; `nil` is for ever.
    func flush(within patience: Duration?) {
        state.withLock { state in
            state.isPutOff = false
            write(&state, within: patience)
        }
    }

    private func write(_ state: inout State, within patience: Duration?) {
        write(&state.waiting, within: patience)
        guard state.lost > 0, state.waiting.isEmpty else { return }
        state.waiting.append(contentsOf: note(state.lost).utf8)
        state.lost = 0
        write(&state.waiting, within: patience)
    }

    /// Leaves what nobody reads, and drops what nobody ever will.
    ///
    /// The corresponding C functions are `poll`, and `write` for as much as a pipe that is ready has room for.
    private func write(_ bytes: inout [UInt8], within patience: Duration?) {
        var count = 0
        unsafe bytes.withUnsafeBytes { bytes in
            while count < bytes.count, isReady(within: patience) {
                let piece = unsafe UnsafeRawBufferPointer(rebasing: bytes[count...].prefix(Int(PIPE_BUF)))
                let written = unsafe Glibc.write(descriptor, piece.baseAddress, piece.count)
                if written > 0 { count += written } else if errno != EINTR, errno != EAGAIN { count = bytes.count }
            }
        }
        bytes.removeFirst(count)
    }

    private func isReady(within patience: Duration?) -> Bool {
        var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        let milliseconds = patience.map { CInt(clamping: Int($0 / .milliseconds(1))) } ?? -1
        return unsafe poll(&request, 1, milliseconds) != 0
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

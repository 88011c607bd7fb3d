import Glibc
import LibEvent
import Support
import Testing

@testable import Files

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct GatheredOutputTests {
    @Test @EventLoop func `what is written in one turn goes out at its end, in order`() async throws {
        let target = try Target()
        let output = GatheredOutput(to: target.number)
        for word in ["an ", "otter ", "with a "] { output.gather(word) }
        #expect(try target.text == "")
        // The next turn has begun when a timer rings.
        try await EventLoop.sleep(for: .milliseconds(1))
        #expect(try target.text == "an otter with a ")
        output.gather("beret\n")
        output.flush(within: nil)
        #expect(try target.text == "an otter with a beret\n")
    }

    @Test @EventLoop func `no more is kept back than there is a limit for`() throws {
        let target = try Target()
        let output = GatheredOutput(to: target.number)
        let line = String(repeating: "x", count: 999) + "\n"
        let lines = GatheredOutput.limit / line.utf8.count
        for _ in 0..<lines { output.gather(line) }
        #expect(try target.text == "")
        output.gather(line)
        #expect(try target.text == String(repeating: line, count: lines))
        output.flush(within: nil)
        #expect(try target.text == String(repeating: line, count: lines + 1))
    }

    @Test @EventLoop func `nobody waits for somebody who does not read`() throws {
        let pipe = try Pipe()
        let output = GatheredOutput(to: pipe.input) { "lost: \($0)\n" }
        let line = String(repeating: "x", count: 999) + "\n"
        for _ in 0..<1000 { output.gather(line) }
        output.flush(within: .milliseconds(1))
        var read = pipe.readAll()
        output.gather("and more\n")
        for _ in 0..<2 {
            read += pipe.readAll()
            output.flush(within: .zero)
        }
        let lines = (read + pipe.readAll()).split(separator: "\n")
        let kept = lines.count { $0.count == 999 }
        #expect(lines.suffix(2) == ["lost: \(1000 - kept)", "and more"])
        #expect(kept == lines.count - 2 && kept > GatheredOutput.limit / 1000)
    }

    @Test func `what nobody will ever read is dropped`() throws {
        let pipe = try Pipe()
        let output = GatheredOutput(to: pipe.input)
        pipe.closeOutput()
        output.gather("otter\n")
        output.flush(within: nil)
    }

    @Test func `another thread has no turns, and its text goes out at once`() async throws {
        let target = try Target()
        let output = GatheredOutput(to: target.number)
        await blocking { output.gather("otter\n") }
        #expect(try target.text == "otter\n")
    }
}

/// A file that stands for a stream.
private struct Target: ~Copyable {
    private let scratch = Scratch()
    private let descriptor: Descriptor
    private var path: String { "\(scratch.path)/output" }

    init() throws { descriptor = try Descriptor(opening: "\(scratch.path)/output", O_WRONLY | O_CREAT | O_APPEND) }

    var number: CInt { descriptor.number }

    /// What has been written so far.
    var text: String { get throws { String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self) } }
}

/// A pipe whose reader takes its time.
private final class Pipe {
    let input: CInt
    private var output: CInt

    init() throws {
        var ends: [CInt] = [-1, -1]
        try #require(unsafe pipe(&ends) == 0)
        (output, input) = (ends[0], ends[1])
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(input)
        closeOutput()
    }

    func closeOutput() {
        if output >= 0 { close(output) }
        output = -1
    }

    /// What is in the pipe.
    func readAll() -> String {
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var all: [UInt8] = []
        while true {
            let count = unsafe read(output, &bytes, bytes.count)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += bytes.prefix(count)
        }
    }
}

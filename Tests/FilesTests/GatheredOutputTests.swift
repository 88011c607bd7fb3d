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
        output.flush()
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
        #expect(try target.text == String(repeating: line, count: lines + 1))
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

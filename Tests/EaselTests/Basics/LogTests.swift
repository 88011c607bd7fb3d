import Synchronization
import Testing

@testable import Easel

struct LogTests {
    private func line(of message: StaticString, _ pairs: KeyValuePairs<String, String>) -> String {
        let lines = Lines()
        let log = Log(clock: WallClock { Timestamp(microseconds: 0) }, write: { lines.add($0) })
        log.info(message, pairs)
        return lines.text
    }

    @Test func `a line is pairs that read back`() {
        #expect(
            line(of: "request", ["status": "200", "path": "/v1/images", "empty": ""])
                == "time=1970-01-01T00:00:00.000Z level=info message=request status=200 path=/v1/images\n")
    }

    @Test func `a value cannot forge a second line or a second pair`() {
        #expect(
            line(of: "listening", ["path": "/a\nlevel=error x=\"1\""]).hasSuffix(
                #"path="/a\nlevel=error x=\"1\"""# + "\n"))
    }

    @Test func `a level below the threshold writes nothing`() {
        let lines = Lines()
        Log(threshold: .warning, write: { lines.add($0) }).info("request")
        #expect(lines.text.isEmpty)
    }

    @Test func `a secret prints as dots`() {
        let secret = Secret("sk-easel-abc")
        #expect("\(secret)" == "•••")
        #expect(String(reflecting: secret) == "•••")
        #expect(secret.reveal() == "sk-easel-abc")
    }
}

/// Lines that were written, from any thread.
private final class Lines: Sendable {
    private let lines = Mutex("")
    var text: String { lines.withLock { $0 } }
    func add(_ line: String) { lines.withLock { $0 += line } }
}

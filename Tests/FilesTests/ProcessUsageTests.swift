import Files
import Glibc
import Testing

struct ProcessUsageTests {
    @Test func `this process has begun, and has memory and files`() throws {
        let usage = try ProcessUsage.current()
        #expect(usage.residentMemory > 1 << 20)
        #expect(usage.openFiles >= 3)
        #expect(try #require(usage.openFileLimit) >= usage.openFiles)
        let age = Duration.seconds(time(nil)) - usage.start
        #expect(age > .seconds(-2))
        // Nobody's tests take a day.
        #expect(age < .seconds(86_400))
    }

    @Test func `what it does costs processor time, and what it opens counts`() throws {
        let before = try ProcessUsage.current()
        let files = try (0..<50).map { _ in try OpenFile(path: "/proc/self/status") }
        let after = try ProcessUsage.current()
        // What ran before may just have closed some of its own.
        #expect(after.openFiles > before.openFiles + 25)
        #expect(after.processorTime > before.processorTime)
        #expect(after.start == before.start)
        #expect(files.count == 50)
    }
}

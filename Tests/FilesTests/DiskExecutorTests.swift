import Files
import Glibc
import Testing

struct DiskExecutorTests {
    @Test func `threads that write files give way to the others`() async {
        let others = getpriority(.thread, id_t(getpid()))
        #expect(await Writer().niceness == min(others + 10, 19))
    }
}

private actor Writer: DiskActor {
    nonisolated let executor = DiskExecutor.next

    var niceness: CInt { getpriority(.thread, 0) }
}

extension __priority_which_t {
    fileprivate static var thread: Self { Self(PRIO_PROCESS.rawValue) }
}

import Glibc

/// What a process uses of its machine, as the kernel tells it.
package struct ProcessUsage: Sendable, Hashable {
    /// Processor time of all its threads.
    package var processorTime: Duration
    /// Bytes.
    package var residentMemory: Int
    package var openFiles: Int
    /// How many files it may have open; `nil` is no bound.
    package var openFileLimit: Int?
    /// When it began, since the beginning of 1970 in UTC.
    package var start: Duration

    package init(
        processorTime: Duration, residentMemory: Int, openFiles: Int, openFileLimit: Int?, start: Duration
    ) {
        self.processorTime = processorTime
        self.residentMemory = residentMemory
        self.openFiles = openFiles
        self.openFileLimit = openFileLimit
        self.start = start
    }
}

extension ProcessUsage {
    /// That of this very process; reading it takes a while where thousands of files are open.
    ///
    /// The sources are `proc(5)`, `clock_gettime` and `getrlimit`.
    package static func current() throws(FileError) -> ProcessUsage {
        let ticksPerSecond = max(1, sysconf(CInt(_SC_CLK_TCK)))
        let sinceBoot = try Self.number(in: "/proc/self/stat", after: ")", at: startField)
        let boot = try Self.number(in: "/proc/stat", after: "\nbtime", at: 0)
        let pages = try Self.number(in: "/proc/self/statm", after: nil, at: residentField)
        return ProcessUsage(
            processorTime: processorTime, residentMemory: pages.multipliedReportingOverflow(by: pageSize).partialValue,
            // The listing has a file of its own open.
            openFiles: max(0, try Directory("/proc/self/fd").entryCount() - 1), openFileLimit: OpenFileLimit.current,
            start: .seconds(boot)
                + .milliseconds(sinceBoot.multipliedReportingOverflow(by: 1000).partialValue / ticksPerSecond))
    }

    /// The place of `starttime` behind the name in `/proc/self/stat`, and of `resident` in `/proc/self/statm`.
    private static let (startField, residentField) = (19, 1)
    private static let pageSize = max(1, sysconf(CInt(_SC_PAGESIZE)))

    private static var processorTime: Duration {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// A number of a file of `/proc`, by its place among the words behind the last `mark`.
    private static func number(in path: String, after mark: String?, at index: Int) throws(FileError) -> Int {
        let text = String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self)
        let start = mark.map { text.ranges(of: $0).last?.upperBound ?? text.endIndex } ?? text.startIndex
        let words = text[start...].split(maxSplits: index + 1, whereSeparator: \.isWhitespace)
        guard words.indices.contains(index), let number = Int(words[index]) else {
            throw FileError(code: EPROTO, path: path, operation: "parse")
        }
        return number
    }
}

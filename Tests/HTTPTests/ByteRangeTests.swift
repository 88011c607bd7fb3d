import HTTP
import Testing

@Suite struct `Byte range` {
    @Test(
        arguments: [
            ("bytes=0-499", 0..<500), ("bytes=500-", 500..<1000), ("bytes=-300", 700..<1000), ("bytes=0-0", 0..<1),
            ("bytes=999-999", 999..<1000), ("bytes=0-99999999999999999999", 0..<1000), ("bytes=-5000", 0..<1000),
            ("Bytes = 1-2", 1..<3),
        ] as [(String, Range<Int64>)])
    func `is a part of the file`(field: String, range: Range<Int64>) {
        #expect(ByteRange(field, length: 1000) == .satisfiable(range))
    }

    @Test(arguments: ["bytes=1000-", "bytes=1000-1001", "bytes=-0", "bytes=99999999999999999999-"])
    func `can lie beyond the end`(field: String) {
        #expect(ByteRange(field, length: 1000) == .unsatisfiable)
    }

    @Test(arguments: ["bytes=0-", "bytes=-1", "bytes=0-0"])
    func `is never satisfied by an empty file`(field: String) {
        #expect(ByteRange(field, length: 0) == .unsatisfiable)
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "bytes=a-b", "bytes=+1-2", "bytes=1--2",
        "bytes=1 -2", "items=0-1", "bytes=0x1-2",
    ])
    func `is ignored in any other form`(field: String) {
        #expect(ByteRange(field, length: 1000) == nil)
    }

    @Test func `names itself in the answer`() {
        #expect(ByteRange.satisfiable(500..<1000).contentRange(length: 1000) == "bytes 500-999/1000")
        #expect(ByteRange.unsatisfiable.contentRange(length: 1000) == "bytes */1000")
    }
}

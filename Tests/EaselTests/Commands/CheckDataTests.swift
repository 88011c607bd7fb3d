import JSON
import LibEvent
import SQLite
import Support
import Testing

@testable import Easel

/// What `easel check --data` prints; what it finds is told by the tests of ``Audit``.
@Suite(.onEventLoop)
struct CheckDataTests {
    private let folder = TemporaryFolder()
    private var data: String { "\(folder.path)/data" }

    @EventLoop private func check(_ flags: String...) async throws -> (status: Int32, out: String, error: String) {
        try folder.write(Array("data: \(data)\n\(Parts.sandbox)".utf8), to: "easel.yaml")
        let (out, error) = (Text(), Text())
        let status = await EaselCommand.run(
            ["check", "--data", "--config", "\(folder.path)/easel.yaml"] + flags,
            on: Terminal(write: { out.append($0) }, writeError: { error.append($0) }))
        return (status, out.value, error.value)
    }

    /// Writes down a job with images that are not there.
    @EventLoop private func lose(_ names: String...) async throws {
        _ = try BlobStore(folder: "\(data)/blobs", isDurable: false)
        let ledger = try Ledger(folder: data, isDurable: false)
        let blobs = names.map { BlobRecord.example($0) }
        try await ledger.addJob("req_1", key: try await ledger.anyKey(), blobs: blobs)
        await ledger.close()
    }

    @Test @EventLoop func `where all agrees it says what it looked at`() async throws {
        try await lose()
        let ledger = try Ledger(folder: data, isDurable: false)
        try await ledger.database.write { connection in try connection.run("UPDATE jobs SET images = 1") }
        await ledger.close()
        let (status, out, error) = try await check("--deep")
        #expect(status == 0)
        #expect(out == "ledger and images agree: 1 job, 0 images, 0 bytes\n")
        #expect(error.isEmpty)
        #expect(
            try await check("--json").out
                == #"{"differences":[],"notes":[],"jobs":1,"images":0,"image_bytes":0,"finished":true}"# + "\n")
    }

    @Test @EventLoop func `every difference is a line with what to do, and the end is 1`() async throws {
        try await lose("a", "b")
        let (status, out, error) = try await check()
        #expect(status == 1)
        let lines = out.split(separator: "\n")
        try #require(lines.count == 2)
        for line in lines {
            #expect(line.hasPrefix("missing: \(data)/blobs/"))
            #expect(
                line.hasSuffix(
                    ": the image of req_1 is not there; restore the file from a backup; until then its "
                        + "link is an error"))
        }
        #expect(error == "easel: 2 differences in the data folder '\(data)'\n")
    }

    @Test @EventLoop func `as JSON it is one object`() async throws {
        try await lose("a", "b")
        let (status, out, error) = try await check("--json")
        #expect(status == 1)
        let json = try JSONValue(parsing: Array(out.utf8))
        #expect(json["differences"]?.array?.map { $0["kind"]?.string } == ["missing", "missing"])
        #expect(json["differences"]?.array?.first?["place"]?.string?.hasPrefix("\(data)/blobs/") == true)
        #expect(json["images"] == 2)
        #expect(json["image_bytes"] == 200)
        #expect(json["finished"] == true)
        #expect(error == "easel: 2 differences in the data folder '\(data)'\n")
    }

    @Test @EventLoop func `what crashed is noted, and no difference`() async throws {
        try await lose()
        let ledger = try Ledger(folder: data, isDurable: false)
        try await ledger.database.write { connection in
            try connection.run("UPDATE jobs SET state = 'storing', finished_at = NULL")
        }
        await ledger.close()
        let (status, out, _) = try await check()
        #expect(status == 0)
        #expect(out.hasPrefix("note: jobs that are not finished: 1; the next start takes them up again\n"))
        #expect(try JSONValue(parsing: Array(try await check("--json").out.utf8))["notes"]?.array?.count == 1)
    }

    @Test @EventLoop func `a folder that was never used is refused, and stays as it is`() async throws {
        let (status, out, error) = try await check()
        #expect(status == 1)
        #expect(out.isEmpty)
        #expect(error.hasPrefix("easel: cannot read the data folder '\(data)': "))
        #expect(error.hasSuffix("is made ready by 'easel serve'\n"))
        #expect(try folder.names() == ["easel.yaml"])
    }
}

import Glibc
import SQLite
import Testing

@Suite(.timeLimit(.minutes(1)))
struct DamagedFileTests {
    let scratch = Scratch()

    private func refusal(path: String) -> String? {
        do throws(DatabaseError) {
            _ = try Database(path: path, migrations: [.notes])
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `a missing folder is named, with what to do`() {
        #expect(
            refusal(path: "/nowhere/easel.db") == """
                /nowhere/easel.db: unable to open database file: No such file or directory (SQLite code 14); \
                make sure its folder exists and that this program may write to it
                """)
    }

    @Test func `a folder is no database`() {
        #expect(refusal(path: scratch.path)?.hasPrefix("\(scratch.path): unable to open database file") == true)
    }

    @Test func `another kind of file is no database`() throws {
        overwrite(at: 0, with: .init(repeating: 0x2A, count: 8_192))
        #expect(
            refusal(path: scratch.database) == """
                \(scratch.database): file is not a database (SQLite code 26); the path seems to name another kind of \
                file: check it, or move the file away; in: PRAGMA cache_size = -2048
                """)
    }

    @Test func `a damaged page is an error, not a crash`() async throws {
        let database = try scratch.open()
        for number in 0..<200 { try await database.add("note \(number) \(String(repeating: "x", count: 200))") }
        await database.close()
        overwrite(at: 4 * 4_096, with: .init(repeating: 0xFF, count: 40_000))

        let damaged = try scratch.open()
        let error = await #expect(throws: DatabaseError.self) { try await damaged.notes() }
        #expect(error?.message == "database disk image is malformed")
        #expect(error?.description.contains("restore it from a backup") == true)
        await damaged.close()
    }

    @Test func `an empty file becomes a database`() async throws {
        overwrite(at: 0, with: [])
        #expect(try await scratch.open().notes() == [])
    }

    @Test func `a file system that turns read-only fails the write with what to do`() async throws {
        let database = try scratch.open()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.write { connection in
                try connection.run("PRAGMA query_only = ON")
                defer { _ = try? connection.run("PRAGMA query_only = OFF") }
                try connection.run("INSERT INTO notes (text) VALUES ('no')")
            }
        }
        #expect(error?.description.contains("let the user that runs this program write to the file") == true)
        try await database.add("yes")
        #expect(try await database.notes() == ["yes"])
    }

    /// The kernel refuses to let files grow, as a failing disk would; in a process of its own, as that holds for all.
    @Test func `a disk that fails is told with what to do, and is used again once it works`() async {
        await #expect(processExitsWith: .success) { [path = scratch.database as String] in
            signal(SIGXFSZ, SIG_IGN)
            let database = try Database(path: path, migrations: [.notes])
            var limit = rlimit()
            unsafe getrlimit(__rlimit_resource_t(1), &limit)
            limit.rlim_cur = 100_000
            unsafe setrlimit(__rlimit_resource_t(1), &limit)
            let error = await #expect(throws: DatabaseError.self) {
                try await database.add(String(repeating: "x", count: 200_000))
            }
            let text = error?.description ?? ""
            #expect(text.contains("disk I/O error (SQLite code 778)"), "\(text)")
            #expect(text.contains("check its disk"))
            limit.rlim_cur = limit.rlim_max
            unsafe setrlimit(__rlimit_resource_t(1), &limit)
            try await database.add("after")
            #expect(try await database.notes() == ["after"])
            await database.close()
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may write to everything"))
    func `a file that may only be read is refused`() async throws {
        await (try scratch.open()).close()
        unsafe chmod(scratch.database, 0o400)
        #expect(refusal(path: scratch.database)?.contains("the file may only be read") == true)
    }

    private func overwrite(at offset: Int, with bytes: [UInt8]) {
        let file = unsafe open(scratch.database, O_WRONLY | O_CREAT, 0o600)
        defer { close(file) }
        #expect(unsafe pwrite(file, bytes, bytes.count, offset) == bytes.count)
    }
}

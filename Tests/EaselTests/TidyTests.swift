import Files
import Testing

/// What a machine can watch over in the source code itself.
struct TidyTests {
    /// A word that has a better replacement, and where it may stand all the same.
    struct Ban: Sendable, CustomTestStringConvertible {
        var word: String
        var reason: String
        /// Modules, or ends of paths.
        var exceptions: [String] = []

        var testDescription: String { word }

        /// Whether it stands in a line, and not as the end of a longer word.
        func occurs(in line: String) -> Bool {
            let line = line + "\n"
            return line.ranges(of: word).contains { range in
                guard range.lowerBound > line.startIndex, word.first?.isLetter == true else { return true }
                let before = line[line.index(before: range.lowerBound)]
                return !before.isLetter && !before.isNumber && before != "_"
            }
        }
    }

    private static let libraryModules = [
        "Base64", "LibEvent", "HTTPClient", "SQLite", "YAML", "Imaging", "Crypto", "Files",
    ]

    private static let bans = [
        Ban(word: "Task {", reason: "it bounces over the global pool: EventLoop.spawn"),
        Ban(word: "Task(", reason: "it bounces over the global pool: EventLoop.spawn", exceptions: ["EventLoop.swift"]),
        Ban(word: "Task.detached", reason: "it bounces over the global pool: EventLoop.spawn"),
        Ban(word: "Task.sleep", reason: "it leaves the loop: clock.sleep, or EventLoop.sleep"),
        Ban(word: "Task.yield", reason: "it leaves the loop"),
        Ban(word: "@MainActor", reason: "nobody runs the main queue: the loop has its thread"),
        Ban(word: "DispatchQueue.main", reason: "nobody runs the main queue: the loop has its thread"),
        Ban(word: "import Foundation\n", reason: "it weighs 41 MB: FoundationEssentials, if anything"),
        Ban(word: "try!", reason: "it ends the process"),
        Ban(word: "fatalError(", reason: "it ends the process"),
        Ban(word: "FIXME", reason: "do it, or write it down where plans are kept"),
        Ban(word: "TODO", reason: "do it, or write it down where plans are kept"),
        Ban(word: "Mutex(", reason: "ThreadSanitizer does not see it: Lock"),
        Ban(word: "@unchecked Sendable", reason: "only where a C library is wrapped", exceptions: libraryModules),
        Ban(word: "nonisolated(unsafe)", reason: "only where a C library is wrapped", exceptions: libraryModules),
        Ban(word: "unsafe ", reason: "only where a C library is wrapped", exceptions: libraryModules),
    ]

    @Test(arguments: bans) func `a word with a better replacement is not used`(ban: Ban) throws {
        for file in try Self.sources()
        where !ban.exceptions.contains(where: { file.module == $0 || file.path.hasSuffix($0) }) {
            for (index, line) in file.code.enumerated() where ban.occurs(in: line) {
                Issue.record("\(file.path):\(index + 1): '\(ban.word.filter { $0 != "\n" })': \(ban.reason)")
            }
        }
    }

    @Test func `each C library is imported by one module`() throws {
        var importers: [String: Set<String>] = [:]
        for file in try Self.sources() {
            for name in file.imports where name.hasPrefix("C") && name.dropFirst().first?.isUppercase == true {
                importers[name, default: []].insert(file.module)
            }
        }
        let libraries = Set(importers.keys).subtracting(["Crypto", "Command"])
        #expect(libraries == ["CEvent", "CCurl", "CSQLite", "CYAML", "CVips", "CCrypto", "CLinux", "CBase64"])
        for library in libraries { #expect(importers[library]?.count == 1, "\(library): \(importers[library] ?? [])") }
    }

    @Test func `modules import only what the architecture page says`() throws {
        let table = try Self.architecture()
        let modules = Set(try Self.sources().map(\.module))
        #expect(Set(table.keys) == modules, "docs/architecture.md names every module, and no other")
        for file in try Self.sources() {
            let allowed = table[file.module] ?? []
            for name in file.imports where modules.contains(name) {
                #expect(allowed.contains(name), "\(file.path) imports \(name)")
            }
        }
    }

    @Test func `every folder of the product is told on the architecture page`() throws {
        let page = try TestData.repository("docs/architecture.md")
        let folders = Set(
            try Self.sources().filter { $0.module == "Easel" && $0.path.split(separator: "/").count > 3 }
                .map { $0.path.split(separator: "/")[2] })
        for folder in folders.sorted() { #expect(page.contains("| `\(folder)/` |"), "\(folder)") }
    }

    @Test func `every code of an error is told on the page of the API`() throws {
        let page = try TestData.repository("docs/api.md")
        let loggedOnly: Set = ["client_left"]
        for file in try Self.sources() where file.module == "Easel" {
            for line in file.code {
                for start in line.ranges(of: "code: \"").map(\.upperBound) {
                    let code = String(line[start...].prefix { $0 != "\"" })
                    #expect(page.contains("`\(code)`") || loggedOnly.contains(code), "\(file.path): \(code)")
                }
            }
        }
    }

    @Test func `no file has grown far beyond its neighbours`() throws {
        for file in try Self.sources() { #expect(file.code.count <= 400, "\(file.path) has \(file.code.count) lines") }
    }

    // MARK: Reading the sources

    private struct Source {
        /// From the repository's root.
        var path: String
        /// Its lines without what is after `//`.
        var code: [String]

        var module: String { String(path.split(separator: "/")[1]) }

        var imports: [String] {
            code.compactMap { line in
                let words = line.split(separator: " ")
                guard let position = words.firstIndex(of: "import"), position <= 1, position + 1 < words.count,
                    position == 0 || words[0] == "package"
                else { return nil }
                return String(words[position + 1])
            }
        }
    }

    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func sources() throws -> [Source] {
        try TemporaryFolder.files(below: "\(root)/Sources").filter { $0.hasSuffix(".swift") }.sorted().map { path in
            let text = String(decoding: try readFile(path, limit: 1 << 20), as: UTF8.self)
            let code = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                String(line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line)
            }
            return Source(path: String(path.dropFirst(root.count + 1)), code: code)
        }
    }

    /// The table of modules: what each may import.
    private static func architecture() throws -> [String: Set<String>] {
        var rows: [String: Set<String>] = [:]
        var isTable = false
        for line in try TestData.repository("docs/architecture.md").split(separator: "\n") {
            if line.hasPrefix("| module ") { isTable = true }
            guard isTable, line.hasPrefix("|") else {
                isTable = false
                continue
            }
            let cells = line.split(separator: "|").map { cell in quoted(in: cell) }
            guard cells.count == 3, !cells[0].isEmpty else { continue }
            for module in cells[0] { rows[module] = Set(cells[2]) }
            if line.contains("all of the above") {
                for module in cells[0] { rows[module] = Set(rows.keys) }
            }
        }
        return rows
    }

    /// The words between backticks.
    private static func quoted(in text: Substring) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }
            .map { String($0.element) }
    }
}

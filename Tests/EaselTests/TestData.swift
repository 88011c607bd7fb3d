import Files

/// Test data beside the tests.
enum TestData {
    /// A file beside the tests.
    static func text(_ name: String) throws -> String {
        try repository("Tests/EaselTests/\(name)")
    }

    /// The repository's folder.
    static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// A file of the repository.
    static func repository(_ path: String) throws -> String {
        String(decoding: try readFile("\(root)/\(path)", limit: 1 << 20), as: UTF8.self)
    }
}

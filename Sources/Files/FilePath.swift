import Glibc

/// Paths of files, as the process sees them.
package enum FilePath {
    /// A path that means the same file wherever it is read: one that does not begin with `/` is completed with the
    /// folder that the process works in.
    ///
    /// The corresponding C function is `getcwd`.
    package static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(folder) }
        return unsafe "\(String(cString: folder))/\(path)"
    }

    /// Whether two paths lead to the same file, by whatever links.
    ///
    /// The corresponding C function is `realpath`.
    package static func areSame(_ path: String, _ other: String) -> Bool { resolved(path) == resolved(other) }

    private static func resolved(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return absolute(path) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}

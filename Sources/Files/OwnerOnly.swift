import Glibc

/// Has every file and folder that the process makes from now on belong to its user alone, those of libraries included.
///
/// The corresponding C function is `umask`.
package func makeFilesForOwnerOnly() { _ = umask(0o077) }

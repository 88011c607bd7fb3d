import Glibc

/// How many files this process may have open, sockets included.
package enum OpenFileLimit {
    /// The number; `nil` is no bound.
    package static var current: Int? { limits.flatMap { $0.rlim_cur == rlim_t.max ? nil : Int(clamping: $0.rlim_cur) } }

    /// Raises it as far as a program may by itself.
    ///
    /// Shells and containers often begin with 1,024, for the sake of programs that use `select`. Where the system does not
    /// allow it, the number stays what it is. The corresponding C functions are `getrlimit` and `setrlimit`.
    package static func raise() {
        guard var limits, limits.rlim_cur < limits.rlim_max else { return }
        limits.rlim_cur = limits.rlim_max
        _ = unsafe setrlimit(resource, &limits)
    }

    private static let resource = CInt(RLIMIT_NOFILE.rawValue)

    private static var limits: rlimit? {
        var limits = rlimit()
        return unsafe getrlimit(resource, &limits) == 0 ? limits : nil
    }
}

import CEvent
import Glibc

/// The machine's wall clock in microseconds since 1970; steps when the clock is set.
///
/// The corresponding C function is `clock_gettime` with `CLOCK_REALTIME`.
package func microsecondsSince1970() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
}

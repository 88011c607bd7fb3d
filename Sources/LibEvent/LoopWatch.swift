import CEvent
import Glibc

/// A piece of work that kept the loop's thread for longer than it may.
package struct Overrun: Sendable {
    /// Processor time that it took.
    package var time: Duration
    /// Where it was when its time was up, innermost first, each as `file(+address)`: what `llvm-symbolizer` takes.
    package var backtrace: [String]
}

/// Tells which pieces of work keep the loop's thread from all the others for too long: a debugging aid.
///
/// A piece is what runs in one go: a task up to its next wait, or a callback of libevent. What counts is the thread's
/// processor time, so a machine that is busy with something else makes nothing look slow.
///
/// Once a piece has had its time a signal interrupts the thread, whose handler notes where it is. A timer of processor
/// time could send that signal by itself, but the kernel looks at those only a few hundred times a second.
@safe
final class LoopWatch {
    /// What the signal's handler works with: it may neither allocate nor wait.
    @unsafe
    private struct Sample {
        var timer: timer_t?
        /// The processor time at which the piece began, and how much it may take, in nanoseconds.
        var start = 0
        var limit = 0
        /// Where the thread was, innermost first; none until the time is up.
        let frames = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: LoopWatch.depth)
        var frameCount: CInt = 0
    }

    /// How many frames of a stack are noted.
    private static let depth = 64
    /// Frames of the handler itself, and of the kernel's way to it.
    private static let ownFrames = 2
    /// There is one loop, and so one of these; made on its thread.
    nonisolated(unsafe) private static let sample = unsafe prepare()

    private let limit: Duration
    private let told: (Overrun) -> Void
    private var isMeasuring = false

    /// Called on the loop's thread.
    init(limit: Duration, told: @escaping (Overrun) -> Void) {
        self.limit = limit
        self.told = told
        unsafe Self.sample.pointee.limit = Int(limit / .nanoseconds(1))
    }

    /// Runs a piece, and tells if it took too long.
    func measure<Output>(_ piece: () -> Output) -> Output {
        // A callback that a piece gives rise to is a part of it.
        guard !isMeasuring else { return piece() }
        isMeasuring = true
        let start = Self.processorTime
        unsafe Self.sample.pointee.start = start
        unsafe Self.sample.pointee.frameCount = 0
        unsafe Self.interrupt(after: Self.sample.pointee.limit)
        let output = piece()
        let time = Duration.nanoseconds(Self.processorTime - start)
        Self.interrupt(after: 0)
        isMeasuring = false
        if time > limit { told(Overrun(time: time, backtrace: Self.backtrace)) }
        return output
    }

    /// That of the calling thread, in nanoseconds.
    private static var processorTime: Int {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
    }

    /// What the handler has noted, as text.
    private static var backtrace: [String] {
        let count = unsafe sample.pointee.frameCount
        guard let lines = unsafe backtrace_symbols(sample.pointee.frames, count) else { return [] }
        defer { unsafe free(lines) }
        return (0..<Int(count)).dropFirst(ownFrames).compactMap { index in
            // "/usr/bin/easel(+0x1234) [0x55d0c0de1234]"
            unsafe lines[index].flatMap { unsafe String(cString: $0) }?.split(separator: " ").first
                .map { String($0.split(separator: "/").last ?? $0) }
        }
    }

    /// Has the signal sent to the loop's thread after so many nanoseconds; never after none.
    private static func interrupt(after nanoseconds: Int) {
        var time = itimerspec()
        time.it_value = timespec(tv_sec: nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
        unsafe timer_settime(sample.pointee.timer, 0, &time, nil)
    }

    private static func prepare() -> UnsafeMutablePointer<Sample> {
        let sample = UnsafeMutablePointer<Sample>.allocate(capacity: 1)
        unsafe sample.initialize(to: Sample())
        // The first call loads a library, which a handler must not.
        unsafe CEvent.backtrace(sample.pointee.frames, 1)

        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in LoopWatch.noteBacktrace() }
        action.sa_flags = CInt(SA_RESTART)
        unsafe sigaction(SIGPROF, &action, nil)

        var event = unsafe sigevent()
        unsafe event.sigev_signo = SIGPROF
        unsafe event.sigev_notify = CInt(SIGEV_THREAD_ID)
        unsafe event._sigev_un._tid = gettid()
        unsafe timer_create(CLOCK_MONOTONIC, &event, &sample.pointee.timer)
        return unsafe sample
    }

    /// The signal's handler.
    private static func noteBacktrace() {
        let left = unsafe sample.pointee.limit &- (processorTime &- sample.pointee.start)
        // It has not had its time yet: others had the processor.
        if left > 0 { return interrupt(after: left) }
        unsafe sample.pointee.frameCount = CEvent.backtrace(sample.pointee.frames, CInt(depth))
    }
}

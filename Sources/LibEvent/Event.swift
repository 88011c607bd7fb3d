import CEvent
import Glibc

/// What a descriptor is ready for, or is watched for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: Int16
    package static var read: Self { Self(rawValue: Int16(EV_READ)) }
    package static var write: Self { Self(rawValue: Int16(EV_WRITE)) }
    package init(rawValue: Int16) { self.rawValue = rawValue }
}

/// Calls back whenever a descriptor is ready, for as long as it is kept.
@EventLoop
@safe
package final class Watch {
    private let ready: @EventLoop (Readiness) -> Void
    private var event = Event()

    package init(_ descriptor: CInt, for interest: Readiness, ready: @escaping @EventLoop (Readiness) -> Void) {
        self.ready = ready
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe event.assign(descriptor, interest.rawValue | Int16(EV_PERSIST), this) { _, what, this in
            let watch = unsafe Unmanaged<Watch>.fromOpaque(this!).takeUnretainedValue()
            EventLoop.assumeIsolated { watch.ready(Readiness(rawValue: what)) }
        }
        event.add(timeout: nil)
    }
}

/// Calls back once after a delay; scheduling it again replaces the delay.
@EventLoop
@safe
package final class Timer {
    private let fired: @EventLoop () -> Void
    private var event = Event()

    package init(fired: @escaping @EventLoop () -> Void) {
        self.fired = fired
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe event.assign(-1, 0, this) { _, _, this in
            let timer = unsafe Unmanaged<Timer>.fromOpaque(this!).takeUnretainedValue()
            EventLoop.assumeIsolated { timer.fired() }
        }
    }

    package func schedule(after delay: Duration) { event.add(timeout: delay) }

    package func cancel() { event.remove() }
}

extension EventLoop {
    /// Suspends the task without leaving the loop's thread, which `Task.sleep` would.
    @EventLoop package static func sleep(for delay: Duration) async {
        var timer: Timer?
        await withCheckedContinuation { continuation in
            timer = Timer { continuation.resume() }
            timer?.schedule(after: delay)
        }
        timer = nil
    }
}

/// Owns a `struct event *`.
@safe
private struct Event: ~Copyable {
    private var pointer: OpaquePointer?

    mutating func assign(
        _ descriptor: CInt, _ what: Int16, _ context: UnsafeMutableRawPointer, _ callback: event_callback_fn
    ) {
        unsafe pointer = event_new(EventLoop.shared.executor.base, descriptor, what, callback, context)
    }

    func add(timeout: Duration?) {
        guard let timeout else {
            unsafe event_add(pointer, nil)
            return
        }
        let (seconds, attoseconds) = timeout.components
        var interval = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        unsafe event_add(pointer, &interval)
    }

    func remove() { unsafe event_del(pointer) }

    deinit {
        if let pointer = unsafe pointer { unsafe event_free(pointer) }
    }
}

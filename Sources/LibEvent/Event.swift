import CEvent
import Glibc

/// What a descriptor is ready for, or is watched for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: Int16
    package static var read: Self { Self(rawValue: Int16(EV_READ)) }
    package static var write: Self { Self(rawValue: Int16(EV_WRITE)) }
    package init(rawValue: Int16) { self.rawValue = rawValue }
}

/// Calls back whenever a descriptor is ready, from when it is told what for until it is told to stop or goes.
@EventLoop
@safe
package final class Watch {
    /// Whether the kernel took the descriptor: it refuses regular files and, past `max_user_watches`, everything.
    package private(set) var isWatching = false
    private let descriptor: CInt
    private let ready: @EventLoop (Readiness) -> Void
    private var event = Event()

    package init(_ descriptor: CInt, ready: @escaping @EventLoop (Readiness) -> Void) {
        self.descriptor = descriptor
        self.ready = ready
    }

    /// Starts to watch, or goes on with another interest.
    package func start(for interest: Readiness) {
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe event.assign(descriptor, interest.rawValue | Int16(EV_PERSIST), this) { _, what, this in
            guard let this = unsafe this else { return }
            let watch = unsafe Unmanaged<Watch>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated((watch, what)) { $0.ready(Readiness(rawValue: $1)) }
        }
        isWatching = event.add()
    }

    package func stop() {
        event.remove()
        isWatching = false
    }

    // The event must be freed on the loop's thread, whoever lets go of the watch last.
    isolated deinit {}
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
            guard let this = unsafe this else { return }
            let timer = unsafe Unmanaged<Timer>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated(timer) { $0.fired() }
        }
    }

    package func schedule(after delay: Duration) { event.add(timeout: delay) }

    package func cancel() { event.remove() }

    isolated deinit {}
}

/// Owns a `struct event *`.
///
/// libevent is told not to lock, so an event is made, changed and freed on the loop's thread only.
@safe
struct Event: ~Copyable {
    private var pointer: OpaquePointer?

    var isAssigned: Bool { unsafe pointer != nil }

    /// Makes the event, or another of the one that there is.
    ///
    /// `context` is not retained: whoever it points to must own the event.
    mutating func assign(
        _ descriptor: CInt, _ what: Int16, _ context: UnsafeMutableRawPointer, _ callback: event_callback_fn
    ) {
        let base = unsafe EventLoop.shared.executor.base
        if let pointer = unsafe pointer {
            unsafe event_del(pointer)
            unsafe event_assign(pointer, base, descriptor, what, callback, context)
        } else {
            unsafe pointer = event_new(base, descriptor, what, callback, context)
        }
    }

    /// Starts waiting for the event, with no limit in time; `false` if the kernel refuses to watch its descriptor.
    @discardableResult
    borrowing func add() -> Bool {
        guard let pointer = unsafe pointer else { return false }
        return unsafe event_add(pointer, nil) == 0
    }

    /// Starts waiting for the event until a time has passed.
    @discardableResult
    borrowing func add(timeout: Duration) -> Bool {
        guard let pointer = unsafe pointer else { return false }
        let (seconds, attoseconds) = max(timeout, .zero).components
        var interval = timeval(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
        return unsafe event_add(pointer, &interval) == 0
    }

    borrowing func remove() {
        guard let pointer = unsafe pointer else { return }
        unsafe event_del(pointer)
    }

    /// Calls the event's callback on the loop's next turn, whether or not it has happened.
    borrowing func activate(_ what: Int16) {
        guard let pointer = unsafe pointer else { return }
        unsafe event_active(pointer, CInt(what), 0)
        // libevent ends a turn only when nothing is active: events that activate themselves would keep tasks waiting.
        unsafe event_base_loopbreak(EventLoop.shared.executor.base)
    }

    mutating func free() {
        guard let pointer = unsafe pointer else { return }
        unsafe event_free(pointer)
        unsafe self.pointer = nil
    }

    deinit {
        if let pointer = unsafe pointer { unsafe event_free(pointer) }
    }
}

import CEvent
import Glibc

/// What the operator may tell the process.
package enum Signal: CInt, Sendable, CaseIterable {
    /// Stop: from a service manager.
    case terminate = 15
    /// Stop: from the keyboard.
    case interrupt = 2
    /// The terminal closed, or by custom: read the configuration again.
    case hangUp = 1
}

/// Calls back on the loop whenever the process gets one of some signals, for as long as it is kept.
///
/// `SIGPIPE` needs no watching: the loop ignores it.
@EventLoop
@safe
package final class Signals {
    private let received: @EventLoop (Signal) -> Void
    private var events: [SignalEvent] = []

    package init(_ signals: [Signal], received: @escaping @EventLoop (Signal) -> Void) {
        self.received = received
        events = signals.map { SignalEvent($0, of: self) }
    }

    fileprivate func didReceive(_ signal: Signal) { received(signal) }

    isolated deinit {}
}

/// One signal's `struct event`.
@EventLoop
@safe
private final class SignalEvent {
    private let signal: Signal
    private unowned let signals: Signals
    private var event = Event()

    init(_ signal: Signal, of signals: Signals) {
        self.signal = signal
        self.signals = signals
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe event.assign(signal.rawValue, Int16(EV_SIGNAL | EV_PERSIST), this) { _, _, this in
            guard let this = unsafe this else { return }
            let event = unsafe Unmanaged<SignalEvent>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated(event) { $0.signals.didReceive($0.signal) }
        }
        let isWatched = event.add()
        precondition(isWatched, "libevent cannot watch signal \(signal) (errno \(errno))")
    }

    isolated deinit {}
}

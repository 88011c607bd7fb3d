package import LibEvent

/// Whoever is at the other end of a connection.
package struct Peer: Sendable {
    package let address: SocketAddress
    private let presence: Presence

    /// A peer that is there until its presence ends.
    package init(address: SocketAddress, presence: Presence = Presence()) {
        self.address = address
        self.presence = presence
    }

    /// Whether the client has left, as far as anybody can tell.
    ///
    /// It has when its connection is over, and also when it has only closed its sending side: most clients that do have
    /// left, and the few that still wait for their answer get it. So this is a reason to spare effort, never one not
    /// to answer.
    @EventLoop package var hasLeft: Bool { presence.hasEnded }

    /// Suspends until ``hasLeft``; `false` when the waiting task was cancelled first.
    ///
    /// Every wait ends: the server's own end of the connection counts as well.
    @discardableResult
    @EventLoop package func departure() async -> Bool { await presence.ended() }
}

/// Whether somebody is still there, and who waits for the end of that.
///
/// One for each connection, which costs nothing more until somebody waits.
@EventLoop
package final class Presence {
    package private(set) var hasEnded = false
    private var waiters: [Int: CheckedContinuation<Bool, Never>] = [:]
    private var lastWaiter = 0

    package nonisolated init() {}

    package func end() {
        hasEnded = true
        for waiter in waiters.values { waiter.resume(returning: true) }
        waiters = [:]
    }

    func ended() async -> Bool {
        if hasEnded { return true }
        lastWaiter += 1
        let waiter = lastWaiter
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if hasEnded || Task.isCancelled {
                    continuation.resume(returning: hasEnded)
                } else {
                    waiters[waiter] = continuation
                }
            }
        } onCancel: {
            // On any thread, maybe before the block above; spawning puts it after.
            EventLoop.spawn { self.giveUp(waiter) }
        }
    }

    private func giveUp(_ waiter: Int) {
        waiters.removeValue(forKey: waiter)?.resume(returning: false)
    }
}

import LibEvent

/// Lets so many through at a time; the others wait their turn.
@EventLoop
final class Gate {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var firstWaiting = 0

    init(width: Int) { free = width }

    func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    /// Waits for a turn; `false`, with nothing to leave, when `cancellation` comes first.
    func enter(unless cancellation: Promise<Void>) async -> Bool {
        let turn = Promise<Bool>()
        EventLoop.spawn {
            await self.enter()
            if turn.value == nil { turn.fulfil(true) } else { self.leave() }
        }
        let watching = EventLoop.spawn {
            if await cancellation.wait() != nil { turn.fulfil(false) }
        }
        defer { watching.cancel() }
        if let isEntered = await turn.wait() { return isEntered }
        turn.fulfil(false)
        return false
    }

    func leave() {
        guard firstWaiting < waiting.count else {
            free += 1
            return
        }
        waiting[firstWaiting].resume()
        firstWaiting += 1
        // The served half of the queue is dropped at once rather than one by one.
        if firstWaiting > 64, firstWaiting * 2 > waiting.count {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
    }
}

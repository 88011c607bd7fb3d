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

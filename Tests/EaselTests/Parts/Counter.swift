import LibEvent

/// Counts what happens in closures that may not change a variable of their test.
@EventLoop
final class Counter {
    var count = 0
    nonisolated init() {}
}

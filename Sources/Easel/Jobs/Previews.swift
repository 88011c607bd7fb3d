import LibEvent

/// An unfinished image that a provider has shown.
struct Preview: Sendable {
    /// From 0, as the provider counts them.
    var index: Int
    var file: SpooledFile
}

/// The unfinished images of one running job, for however many follow it.
///
/// Of each index only the newest is kept, and of all only the last few: whoever reads slowly misses some, and never
/// makes the job wait or the disk fill up.
@EventLoop
final class Previews {
    /// The most that are kept: a client can ask for three.
    nonisolated static let limit = 4

    /// A preview with its place in the order of arrival, from 1.
    struct Numbered: Sendable {
        let number: Int
        let preview: Preview
    }

    private var kept: [Numbered] = []
    private var lastNumber = 0
    private var readers: [ObjectIdentifier: Wakeup] = [:]

    nonisolated init() {}

    func add(_ preview: Preview) {
        lastNumber += 1
        kept.removeAll { $0.preview.index == preview.index }
        if kept.count == Self.limit { kept.removeFirst() }
        kept.append(Numbered(number: lastNumber, preview: preview))
        for reader in readers.values { reader.signal() }
    }

    /// The oldest that is kept of those after a number; 0 is before all of them.
    func first(after number: Int) -> Numbered? { kept.first { $0.number > number } }

    /// Has a wake-up signalled with every change from now on, until it is said to ``leave(_:)``.
    func follow(with wakeup: Wakeup) { readers[ObjectIdentifier(wakeup)] = wakeup }

    func leave(_ wakeup: Wakeup) { readers[ObjectIdentifier(wakeup)] = nil }
}

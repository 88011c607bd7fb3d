import LibEvent

@testable import Easel

/// What goes wrong in one history, and how often: a few things often, the others never.
///
/// Were everything to fail a little in each history, the worst of one fault would hide behind the others.
struct Faults: Sendable {
    // Of an order.
    var refusedConnection = 0.0
    var lostOrder = 0.0
    var lostAnswer = 0.0
    var refusal = 0.0
    var failure = 0.0
    var nonsense = 0.0
    var partialDelivery = 0.0
    // Of a queue.
    var lostPoll = 0.0
    var staleStatus = 0.0
    var taskGone = 0.0
    var taskFails = 0.0
    var taskIsLate = 0.0
    // Of a result.
    var deadLink = 0.0
    var lateLink = 0.0
    var brokenDownload = 0.0
    var noImage = 0.0
    // Of the gateway and its machine.
    var crashes = 0
    var gracefulStop = 0.0
    var removedProvider = 0.0
    var fullDisks = 0
    /// Bytes that have to be free before anything is bought; a disk that is full has one too few.
    var minFree = 0
    /// All that takes time takes so many times as long.
    var slowness = 1
    // Of clients.
    var cancellation = 0.0
    var receipt = 0.0
    var departure = 0.0

    @EventLoop
    init(_ dice: Dice) {
        let some = { dice.chance(0.6) ? 0 : dice.pick([0.05, 0.2, 0.6]) }
        for path in [
            \Self.refusedConnection, \.lostOrder, \.lostAnswer, \.refusal, \.failure, \.nonsense, \.partialDelivery,
            \.lostPoll, \.staleStatus, \.taskGone, \.taskFails, \.taskIsLate, \.deadLink, \.lateLink, \.brokenDownload,
            \.noImage, \.gracefulStop, \.removedProvider, \.cancellation, \.receipt, \.departure,
        ] {
            self[keyPath: path] = some()
        }
        crashes = dice.pick([0, 0, 1, 1, 2, 3])
        fullDisks = dice.pick([0, 0, 0, 1, 3])
        minFree = dice.pick([0, 1])
        slowness = dice.pick([1, 1, 1, 20])
    }
}

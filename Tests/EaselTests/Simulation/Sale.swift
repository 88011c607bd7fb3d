import LibEvent

@testable import Easel

/// What a provider did about one request that reached it: the truth, which the gateway can only infer.
@EventLoop
final class Sale {
    enum Verdict {
        /// No answer has arrived.
        case unheard
        /// The provider said so clearly that it did nothing.
        case refused
        /// What arrived does not tell.
        case doubtful
        case delivered
        case queued
    }

    let number: Int
    let jobID: String
    let language: Language
    /// The life in which it was ordered.
    let life: Life
    let count: Int
    /// When its order arrived.
    var orderedAt = Timestamp(microseconds: 0)
    var isCharged = false
    var pictures: [Picture] = []
    /// What the gateway was told.
    var verdict = Verdict.unheard
    var task: Work?
    /// Images that the provider takes money for, whatever it has said.
    var chargedImages: Int { !isCharged ? 0 : pictures.isEmpty ? count : pictures.count }

    init(_ number: Int, of jobID: String, at language: Language, in life: Life, count: Int) {
        self.number = number
        self.jobID = jobID
        self.language = language
        self.life = life
        self.count = count
    }

    /// A task in a provider's queue.
    struct Work {
        enum End {
            case images, failure, never
        }

        var id: String
        var end: End
        var endsAt: Timestamp
        /// When the provider forgets it.
        var goneAt: Timestamp?
        var cancelledAt: Timestamp?
        /// Polls in a row that failed.
        var lostPolls = 0
        /// The gateway was told of its end.
        var isHeard = false

        func state(at now: Timestamp) -> Language.State {
            if let goneAt, now >= goneAt { return .gone }
            if cancelledAt != nil { return .cancelled }
            guard end != .never, now >= endsAt else { return .waiting }
            return end == .images ? .finished : .failed
        }
    }
}

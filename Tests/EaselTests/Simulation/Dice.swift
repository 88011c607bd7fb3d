import LibEvent

@testable import Easel

/// Every choice of a history, from its seed alone.
///
/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
@EventLoop
final class Dice: RandomNumberGenerator {
    private var state: UInt64

    nonisolated init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 }

    func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) < probability * 0x1p53
    }

    func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    func pick<Choice>(_ choices: [Choice]) -> Choice { choices[number(0...choices.count - 1)] }

    /// A time from a range, short ones more often than long ones.
    func duration(_ range: ClosedRange<Duration>) -> Duration {
        let span = Double((range.upperBound - range.lowerBound).microseconds)
        let fraction = Double(next() >> 11) * 0x1p-53
        return range.lowerBound + .microseconds(Int64(span * fraction * fraction))
    }

    /// Some of the choices, in random order.
    func some<Choice>(_ count: Int, of choices: [Choice]) -> [Choice] {
        var rest = choices
        return (0..<min(count, rest.count)).map { _ in rest.remove(at: number(0...rest.count - 1)) }
    }
}

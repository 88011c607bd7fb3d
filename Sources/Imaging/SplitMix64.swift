/// A small generator of numbers that look random and are the same everywhere for the same seed.
///
/// Sebastiano Vigna's `splitmix64`; the standard library's generator cannot be seeded.
struct SplitMix64: Sendable {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// A seed from any text: 64-bit FNV-1a.
    static func seed(from text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func next(in range: ClosedRange<Int>) -> Int {
        let count = UInt64(range.upperBound &- range.lowerBound) &+ 1
        return range.lowerBound &+ Int(truncatingIfNeeded: next() % max(1, count))
    }
}

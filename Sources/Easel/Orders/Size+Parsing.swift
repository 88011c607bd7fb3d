extension Size {
    /// Longest side a client may ask for, in pixels.
    static let longestSide = 16_384

    /// Reads `1024x1024` (also with `*`, `X` or `×`), `16:9`, `2K` and `auto`; `nil` for anything else.
    init?(_ text: String) {
        switch text {
        case "auto", "original": self = .auto
        case "1K", "2K", "4K", "1k", "2k", "4k": self = .level(text.uppercased())
        default:
            if let (width, height) = Self.pair(text, separators: ["x", "X", "*", "×"]) {
                guard width <= Self.longestSide, height <= Self.longestSide else { return nil }
                self = .pixels(width: width, height: height)
            } else if let (width, height) = Self.pair(text, separators: [":"]) {
                guard width <= 100, height <= 100 else { return nil }
                self = .aspect(width: width, height: height)
            } else {
                return nil
            }
        }
    }

    private static func pair(_ text: String, separators: [Character]) -> (Int, Int)? {
        let parts = text.split(omittingEmptySubsequences: false) { separators.contains($0) }
        guard parts.count == 2, let first = Int(parts[0]), let second = Int(parts[1]), first > 0, second > 0,
            parts.allSatisfy({ $0.allSatisfy { ("0"..."9").contains($0) } })
        else { return nil }
        return (first, second)
    }
}

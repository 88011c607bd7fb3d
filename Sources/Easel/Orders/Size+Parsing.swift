import HTTP

extension Size {
    /// Longest side a client may ask for, in pixels.
    static let longestSide = 16_384

    /// Reads `1024x1024` (also with `*`, `X` or `×`), `16:9`, `2K` and `auto`; `nil` for anything else.
    init?(_ text: String) {
        switch text {
        case "auto", "original": self = .auto
        case "1K", "2K", "4K", "1k", "2k", "4k": self = .level(text.uppercased())
        default:
            let digits = text.utf8.prefix(while: \.isDigit)
            let rest = text[digits.endIndex...]
            guard let separator = rest.first, let width = Self.number(Substring(digits)),
                let height = Self.number(rest.dropFirst())
            else { return nil }
            switch separator {
            case "x", "X", "*", "×":
                guard width <= Self.longestSide, height <= Self.longestSide else { return nil }
                self = .pixels(width: width, height: height)
            case ":":
                guard width <= 100, height <= 100 else { return nil }
                self = .aspect(width: width, height: height)
            default: return nil
            }
        }
    }

    private static func number(_ text: Substring) -> Int? {
        guard text.utf8.allSatisfy(\.isDigit), let number = Int(text), number > 0 else { return nil }
        return number
    }
}

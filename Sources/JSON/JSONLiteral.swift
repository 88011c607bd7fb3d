/// The three values that are words, and one that is none.
enum JSONLiteral {
    case `true`, `false`, null
    /// What Python writes for a float without a value: to a forgiving parser it is `null`.
    case notANumber

    init?(firstByte: UInt8, strictness: JSONStrictness) {
        switch firstByte {
        case UInt8(ascii: "N") where strictness == .forgiving: self = .notANumber
        case UInt8(ascii: "t"): self = .true
        case UInt8(ascii: "f"): self = .false
        case UInt8(ascii: "n"): self = .null
        default: return nil
        }
    }

    var text: [UInt8] {
        switch self {
        case .true: Self.trueText
        case .false: Self.falseText
        case .null: Self.nullText
        case .notANumber: Self.notANumberText
        }
    }

    var value: JSONValue {
        switch self {
        case .true: true
        case .false: false
        case .null, .notANumber: nil
        }
    }

    private static let trueText = Array("true".utf8)
    private static let falseText = Array("false".utf8)
    private static let nullText = Array("null".utf8)
    private static let notANumberText = Array("NaN".utf8)
}

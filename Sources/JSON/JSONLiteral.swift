/// The three values that are words.
enum JSONLiteral {
    case `true`, `false`, null

    init?(firstByte: UInt8) {
        switch firstByte {
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
        }
    }

    var value: JSONValue {
        switch self {
        case .true: true
        case .false: false
        case .null: nil
        }
    }

    private static let trueText = Array("true".utf8)
    private static let falseText = Array("false".utf8)
    private static let nullText = Array("null".utf8)
}

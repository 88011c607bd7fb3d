/// An amount of the configured currency in millionths: whole numbers add up exactly.
struct Money: Sendable, Hashable, Comparable, CustomStringConvertible {
    var microunits: Int64

    init(microunits: Int64) { self.microunits = microunits }

    /// Reads a decimal such as `0.025`, exactly.
    ///
    /// `nil` for anything else: a sign, an exponent, more than six decimals, or more than a thousand million.
    init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        guard (1...2).contains(parts.count), parts.count == 1 || !fraction.isEmpty,
            !parts[0].isEmpty, parts[0].count <= 9, fraction.count <= 6,
            parts.allSatisfy({ $0.allSatisfy { ("0"..."9").contains($0) } }),
            let whole = Int64(parts[0]),
            let millionths = Int64(fraction + String(repeating: "0", count: 6 - fraction.count))
        else { return nil }
        microunits = whole * 1_000_000 + millionths
    }

    /// The price of several images; `nil` only beyond what 64 bits hold.
    func times(_ count: Int) -> Money? {
        let (product, overflow) = microunits.multipliedReportingOverflow(by: Int64(count))
        return overflow ? nil : Money(microunits: product)
    }

    /// The amount with two to six decimals: `0.025`, `1.50`.
    var description: String {
        let sign = microunits < 0 ? "-" : ""
        let magnitude = microunits.magnitude
        var (fraction, decimals) = (Int64(magnitude % 1_000_000), 6)
        while decimals > 2, fraction % 10 == 0 { (fraction, decimals) = (fraction / 10, decimals - 1) }
        return "\(sign)\(magnitude / 1_000_000).\(padded(fraction, to: decimals))"
    }

    static func < (left: Money, right: Money) -> Bool { left.microunits < right.microunits }
}

import HTTP

/// Numbers with a unit as people write them in the configuration.
enum Quantity {
    /// Reads `500ms`, `90s`, `15m`, `24h`, `30d`.
    static func duration(_ text: String) -> Duration? {
        scaled(text, by: ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000])
            .map { .milliseconds($0) }
    }

    /// Reads a time that is longer than none.
    static func positiveDuration(_ text: String) -> Duration? {
        duration(text).flatMap { $0 > .zero ? $0 : nil }
    }

    /// Reads `100`, `64KB`, `256MB`, `50GB`, `2TB`, and `KiB` to `TiB` for powers of 1024.
    static func bytes(_ text: String) -> Int? {
        scaled(
            text,
            by: [
                "": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000,
                "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
            ]
        ).map { Int($0) }
    }

    /// Reads `50MP` (megapixels) or a plain number of pixels.
    static func pixels(_ text: String) -> Int? {
        scaled(text, by: ["": 1, "MP": 1_000_000]).map { Int($0) }
    }

    /// A decimal times its unit; `nil` for an unknown unit, a fraction of the smallest unit, or beyond 64 bits.
    private static func scaled(_ text: String, by units: [String: Int64]) -> Int64? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(number.count).trimmingOptionalWhitespace
        guard let factor = units[String(unit)], let amount = Money(String(number)) else { return nil }
        let (product, overflow) = amount.microunits.multipliedReportingOverflow(by: factor)
        return overflow || product % 1_000_000 != 0 ? nil : product / 1_000_000
    }
}

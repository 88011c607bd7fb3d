import Testing

@testable import Easel

struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (1_763_714_580_125_000, "2025-11-21T08:43:00.125Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        // Where a Double no longer holds every microsecond, and at both ends.
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
        (.max, "294247-01-10T04:00:54.775Z"),
        (.min, "-290308-12-21T19:59:05.224Z"),
    ])
    func `a moment prints as ISO 8601 in UTC`(microseconds: Int64, text: String) {
        #expect(Timestamp(microseconds: microseconds).description == text)
    }

    @Test func `adding a duration never traps`() {
        #expect(Timestamp(microseconds: .max) + .seconds(1) == Timestamp(microseconds: .max))
        #expect(Timestamp(microseconds: .min) - .seconds(1) == Timestamp(microseconds: .min))
        #expect(Timestamp(microseconds: 5) - Timestamp(microseconds: 2) == .microseconds(3))
        #expect(Duration.seconds(Int64.max).microseconds == .max)
    }
}

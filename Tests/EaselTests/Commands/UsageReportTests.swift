import JSON
import Testing

@testable import Easel

struct UsageReportTests {
    private let report = UsageReport(
        rows: [
            UsageRow(
                group: "key_1", name: "Ana, \"the\" 水獺", jobs: 3, done: 2, images: 5, imageLength: 1000,
                cost: Money(microunits: 100_001), unpriced: 1),
            UsageRow(
                group: "key_2", name: "ben", jobs: 1, done: 1, images: 1, imageLength: 20,
                cost: Money(microunits: 999_999_999_999_999), unpriced: 0),
        ], grouping: .key, currency: "EUR")

    @Test func `people get a table`() {
        #expect(
            report.table == """
                KEY    NAME           JOBS  DONE  IMAGES  BYTES              COST EUR
                key_1  Ana, "the" 水獺     3     2       5   1000  0.100001 + 1 unknown
                key_2  ben               1     1       1     20      999999999.999999
                """)
        #expect(UsageReport(rows: [], grouping: .day, currency: "EUR").table.hasPrefix("Nothing"))
    }

    @Test func `spreadsheets get a line of names, and quotes where they need them`() {
        #expect(
            report.csv == """
                key,name,jobs,done,images,image_bytes,cost,currency,unknown_cost_jobs\r
                key_1,"Ana, ""the"" 水獺",3,2,5,1000,0.100001,EUR,1\r
                key_2,ben,1,1,1,20,999999999.999999,EUR,0\r

                """)
        #expect(
            UsageReport(rows: [], grouping: .day, currency: "EUR").csv
                == "day,jobs,done,images,image_bytes,cost,currency,unknown_cost_jobs\r\n")
    }

    @Test func `programs get numbers that are exact to the millionth`() throws {
        let rows = try #require(try JSONValue(parsing: Array(report.json.text.utf8)).array)
        #expect(rows[0]["name"] == "Ana, \"the\" 水獺")
        #expect(rows[0]["unknown_cost_jobs"] == 1)
        for (row, cost) in zip(rows, report.rows.map(\.cost)) {
            #expect(row["cost"]?.number.map { Int64(($0 * 1_000_000).rounded()) } == cost.microunits)
        }
    }
}

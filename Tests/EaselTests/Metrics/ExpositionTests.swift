import Testing

@testable import Easel

struct ExpositionTests {
    private func text(_ write: (inout Exposition) -> Void) -> String {
        var page = Exposition()
        write(&page)
        return String(decoding: page.bytes, as: UTF8.self)
    }

    @Test func `a family is its help, its type and its samples`() {
        let text = text { page in
            page.begin("easel_jobs", .gauge, "Jobs under way.")
            page.add(3, ["state": "submitted", "model": "otter"])
            page.add(0.25)
        }
        #expect(
            text == """
                # HELP easel_jobs Jobs under way.
                # TYPE easel_jobs gauge
                easel_jobs{state="submitted",model="otter"} 3
                easel_jobs 0.25

                """)
    }

    @Test func `what would end a line or a value is escaped, where it would`() {
        let text = text { page in
            page.begin("a", .counter, "says \"no\",\n\\ and é")
            page.add(1, ["model": "a \"b\"\n\\c é"])
        }
        #expect(
            text == #"""
                # HELP a says "no",\n\\ and é
                # TYPE a counter
                a{model="a \"b\"\n\\c é"} 1

                """#)
    }

    @Test(arguments: [
        (0, "0"), (30, "30"), (0.1, "0.1"), (1_795_248_000.25, "1795248000.25"), (0.000001, "1e-06"),
        (.infinity, "+Inf"),
    ])
    func `a number is as short as it can be`(value: Double, expected: String) {
        #expect(
            text {
                $0.begin("a", .gauge, "")
                $0.add(value)
            }.hasSuffix("\na \(expected)\n"))
    }

    @Test func `a histogram counts up to every bound, and ends with all`() {
        var histogram = Histogram()
        for milliseconds in [100, 101, 2500, 300_001] { histogram.add(.milliseconds(milliseconds)) }
        let text = text { page in
            page.begin("a_seconds", .histogram, "")
            page.add(histogram, ["model": "otter"])
        }
        #expect(
            text == """
                # HELP a_seconds \("")
                # TYPE a_seconds histogram
                a_seconds_bucket{model="otter",le="0.1"} 1
                a_seconds_bucket{model="otter",le="0.5"} 2
                a_seconds_bucket{model="otter",le="1"} 2
                a_seconds_bucket{model="otter",le="2.5"} 3
                a_seconds_bucket{model="otter",le="5"} 3
                a_seconds_bucket{model="otter",le="10"} 3
                a_seconds_bucket{model="otter",le="20"} 3
                a_seconds_bucket{model="otter",le="30"} 3
                a_seconds_bucket{model="otter",le="60"} 3
                a_seconds_bucket{model="otter",le="120"} 3
                a_seconds_bucket{model="otter",le="300"} 3
                a_seconds_bucket{model="otter",le="+Inf"} 4
                a_seconds_sum{model="otter"} 302.702
                a_seconds_count{model="otter"} 4

                """)
    }

    @Test func `a clock that is set back takes no time`() {
        var histogram = Histogram()
        histogram.add(.seconds(-5))
        #expect(histogram.counts.first == 1)
        #expect(histogram.sum == .zero)
    }

    @Test func `a sum without a spread is a summary`() {
        let text = text { page in
            page.begin("a_seconds", .summary, "")
            page.add(sum: 1.5, count: 2)
        }
        #expect(text.hasSuffix("# TYPE a_seconds summary\na_seconds_sum 1.5\na_seconds_count 2\n"))
    }
}

import Testing

@testable import Easel

struct TableTests {
    @Test func `columns line up, numbers on the right`() {
        let table = Table(
            head: ["NAME", "IMAGES"], rows: [["ana", "7"], ["benjamin", "1234567"]], rightAligned: [1])
        #expect(
            table.text == """
                NAME       IMAGES
                ana             7
                benjamin  1234567
                """)
    }

    @Test func `the width is counted in letters, and no line ends in spaces`() {
        let table = Table(head: ["A", "B"], rows: [["水獺", ""], ["x", "y"]])
        #expect(table.text == "A   B\n水獺\nx   y")
    }

    @Test func `a row may be shorter than the head`() {
        #expect(Table(head: ["A", "B"], rows: [["x"]]).text == "A  B\nx")
    }
}

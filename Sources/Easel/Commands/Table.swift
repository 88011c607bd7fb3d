/// Rows of text in aligned columns, for people.
struct Table {
    var head: [String]
    var rows: [[String]] = []
    /// Columns of numbers, which line up on the right.
    var rightAligned: Set<Int> = []

    var text: String {
        let widths = head.indices.map { column in
            ([head] + rows).map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return ([head] + rows).map { row in
            var line = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return rightAligned.contains(column) ? padding + row[column] : row[column] + padding
            }.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}

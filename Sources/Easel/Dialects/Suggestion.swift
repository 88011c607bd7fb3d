/// The known name that a mistyped one was probably meant to be; `nil` when none is close.
///
/// Close is at most a third of its letters wrong (insertions, deletions, replacements and swaps of neighbours).
func suggestion(for name: String, among known: [String]) -> String? {
    let limit = max(1, name.count / 3)
    let closest = known.map { (name: $0, distance: editDistance(name.lowercased(), $0.lowercased())) }
        .min { $0.distance < $1.distance }
    guard let closest, closest.distance <= limit else { return nil }
    return closest.name
}

/// The optimal string alignment distance of two short words.
private func editDistance(_ first: String, _ second: String) -> Int {
    let first = Array(first.utf8.prefix(64))
    let second = Array(second.utf8.prefix(64))
    var beforeLast: [Int] = []
    var last = Array(0...second.count)
    for row in first.indices {
        var current = [row + 1]
        for column in second.indices {
            let replaced = last[column] + (first[row] == second[column] ? 0 : 1)
            var best = min(replaced, last[column + 1] + 1, current[column] + 1)
            if row > 0, column > 0, first[row] == second[column - 1], first[row - 1] == second[column] {
                best = min(best, beforeLast[column - 1] + 1)
            }
            current.append(best)
        }
        (beforeLast, last) = (last, current)
    }
    return last[second.count]
}

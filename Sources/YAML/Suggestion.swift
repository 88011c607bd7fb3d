/// The name that was probably meant by a misspelt one: `seaart` for `seart`.
///
/// `nil` when none is near: more than two letters are wrong, or more than one in three.
package func suggestion(for name: String, among names: some Sequence<String>) -> String? {
    // What a client sends may be of any length; no name is.
    guard name.utf8.count <= 256 else { return nil }
    let letters = Array(name.lowercased())
    let most = min(2, (letters.count + 1) / 3)
    var best: (name: String, distance: Int)?
    for candidate in names {
        let distance = editDistance(letters, Array(candidate.lowercased()))
        if distance <= most, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

/// What a message about a misspelt name goes on with: `, did you mean 'seaart'?`; or `otherwise` when no name is near.
package func didYouMean(_ name: String, among names: some Sequence<String>, otherwise: String = "") -> String {
    suggestion(for: name, among: names).map { ", did you mean '\($0)'?" } ?? otherwise
}

/// How many letters must be added, removed, changed or swapped with their neighbour to make one word of another.
///
/// The optimal string alignment distance: a row for each letter of the first word, of which the last three are kept.
private func editDistance(_ first: [Character], _ second: [Character]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...second.count)
    for (row, letter) in first.enumerated() {
        var current = [row + 1]
        for (column, other) in second.enumerated() {
            var distance = min(
                previous[column + 1] + 1, current[column] + 1, previous[column] + (letter == other ? 0 : 1))
            if row > 0, column > 0, letter == second[column - 1], first[row - 1] == other {
                distance = min(distance, beforePrevious[column - 1] + 1)
            }
            current.append(distance)
        }
        (beforePrevious, previous) = (previous, current)
    }
    return previous[second.count]
}

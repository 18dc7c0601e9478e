/// Which of some names someone may have meant.
enum NearestNames {
    /// The names that begin alike or differ in at most two letters, nearest first.
    static func of(_ text: String, among names: [String]) -> [String] {
        let word = Array(text.lowercased())
        let rated = names.compactMap { name -> (distance: Int, name: String)? in
            let distance = distance(word, Array(name))
            if distance <= min(2, word.count / 2) { return (distance, name) }
            let isBeginning =
                word.count >= 3 && (name.hasPrefix(text) || text.hasPrefix(name))
            return isBeginning ? (3, name) : nil
        }
        return rated.sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }.map(\.name)
    }

    /// A sentence about what may have been meant; what there is at all if nothing is near.
    static func hint(_ text: String, among names: [String]) -> String {
        let near = of(text, among: names).prefix(3)
        return near.isEmpty
            ? "there are \(names.joined(separator: ", "))"
            : "did you mean \(near.joined(separator: " or "))?"
    }

    /// How many letters must be put in, left out or replaced.
    private static func distance(_ one: [Character], _ other: [Character]) -> Int {
        var row = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, second) in other.enumerated() {
                let replaced = diagonal + (letter == second ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[other.count]
    }
}

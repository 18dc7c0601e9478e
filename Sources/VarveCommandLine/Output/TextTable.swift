/// Rows of text in aligned columns, two spaces apart.
struct TextTable {
    struct Column {
        var title: String
        var isNumber = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    private let columns: [Column]
    private var rows: [[String]] = []

    init(_ columns: Column...) { self.columns = columns }

    mutating func add(_ cells: String...) {
        precondition(cells.count == columns.count)
        rows.append(cells)
    }

    var isEmpty: Bool { rows.isEmpty }

    /// The title line and the rows.
    var lines: [String] {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in
            all.map { $0[column].count }.max() ?? 0
        }
        return all.map { cells in
            var line = ""
            for (index, cell) in cells.enumerated() {
                if index > 0 { line += "  " }
                let space = String(repeating: " ", count: widths[index] - cell.count)
                if columns[index].isNumber {
                    line += space + cell
                } else {
                    line += index == cells.count - 1 ? cell : cell + space
                }
            }
            return line
        }
    }
}

/// Names and values in two columns.
struct FactList {
    private var facts: [(String, String)] = []

    mutating func add(_ name: String, _ value: String?) {
        if let value, !value.isEmpty { facts.append((name, value)) }
    }

    var lines: [String] {
        let width = facts.map(\.0.count).max() ?? 0
        return facts.map { name, value in
            "  " + name + String(repeating: " ", count: width - name.count) + "  " + value
        }
    }
}

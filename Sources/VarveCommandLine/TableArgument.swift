import ArgumentParser

/// The argument that names a table.
enum TableArgument {
    static let help: ArgumentHelp = "The table's name; or see 'varve help table-names'."
}

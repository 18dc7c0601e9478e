import VarveCommandLine

/// The program: everything is in the library, where tests reach it.
@main
struct Main {
    static func main() {
        VarveCommand.main(arguments: Array(CommandLine.arguments.dropFirst()))
    }
}

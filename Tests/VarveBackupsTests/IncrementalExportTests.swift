import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveStorage

@Suite("Incremental exports")
struct IncrementalExportTests {
    private static let arn = "arn:aws:dynamodb:eu-west-1:111122223333:table/"

    /// An export of a window of 15 minutes in which nothing changed.
    static func export(
        _ shop: Workshop, _ number: Int, table: String = "T", id: String = "one",
        day: String = "2025-06-01"
    ) throws -> String {
        let path = shop.path("export-\(number)")
        try FileSystem.makeDirectories(path)
        let (from, to) = (number * 15, number * 15 + 15)
        func time(_ minute: Int) -> String {
            let text = String(minute % 60)
            return "\(day)T0\(minute / 60):\(text.count < 2 ? "0" : "")\(text):00.000Z"
        }
        _ = try shop.write("export-\(number)/manifest-files.json", [])
        _ = try shop.write(
            "export-\(number)/manifest-summary.json",
            [
                """
                {"version":"2023-08-01","exportArn":"\(arn)\(table)/export/\(number)",
                "tableArn":"\(arn)\(table)","tableId":"\(id)","exportTime":"\(time(to))",
                "itemCount":0,"outputFormat":"DYNAMODB_JSON","exportType":"INCREMENTAL_EXPORT",
                "outputView":"NEW_AND_OLD_IMAGES","exportFromTime":"\(time(from))",
                "exportToTime":"\(time(to))"}
                """
            ])
        return path
    }

    @discardableResult
    private static func record(_ shop: Workshop, _ path: String) throws -> RecordReport {
        var request = RecordRequest(table: "T", sources: [path])
        request.schema = Workshop.schema
        request.rejectsPath = shop.path("rejects.jsonl")
        return try RecordOperation(shop.repository, request).run()
    }

    /// Of another table, and of another incarnation of it, nothing is recorded.
    @Test func anotherTablesExportIsRefused() throws {
        let shop = try Workshop()
        try Self.record(shop, try Self.export(shop, 0))
        let before = try shop.listing()
        for other in [
            try Self.export(shop, 1, table: "Other"), try Self.export(shop, 2, id: "two"),
        ] {
            let error = #expect(throws: VarveError.self) { try Self.record(shop, other) }
            #expect(error?.code == .refused)
            let message = error?.message ?? ""
            #expect(
                message.contains("/Other")
                    || message.contains("has the TableId one, and these changes are of two"),
                "\(message)")
            #expect(try shop.listing() == before)
        }
        let report = try Self.record(shop, try Self.export(shop, 1))
        #expect(report.tables.map(\.statistics.commits) == [1])
    }
}

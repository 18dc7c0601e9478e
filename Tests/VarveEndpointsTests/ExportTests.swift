import Testing
import VarveBytes
import VarveModel
import VarveStorage

@testable import VarveEndpoints

@Suite struct ExportTests {
    let workspace: Workspace
    private static let exportTime: Int64 = 1_750_003_200_123_000

    init() throws { workspace = try Workspace() }

    private static let settings: TableSettings = {
        var settings = TableSettings()
        for text in SettingsFixture.all {
            try? settings.add(Array(text.utf8).raw, at: "settings")
        }
        return settings
    }()

    @discardableResult
    private func export(
        _ count: Int, named name: String = "export", dataFileBytes: Int = 50_000
    ) throws -> String {
        var description = ExportDescription(
            exportTime: Self.exportTime, startTime: 1_750_003_201_000_000,
            settings: Self.settings)
        description.dataFileBytes = dataFileBytes
        let path = workspace.path + "/" + name
        let target = try TableTarget.export(
            path, description: description, schema: orderSchema,
            time: ManualTime(1_750_003_260_000_000), random: SeededRandom(seed: 9))
        try write(try batches(lines(count), size: 300), to: target)
        try target.finish()
        return path
    }

    /// The directory with the manifests, relative to the workspace.
    private func root(_ name: String = "export") throws -> String {
        let names = try FileSystem.names(in: "\(workspace.path)/\(name)/AWSDynamoDB")
        #expect(names.count == 1)
        return "\(name)/AWSDynamoDB/\(names[0])"
    }

    @Test(arguments: [0, 1, 3_000])
    func writesWhatASourceReads(count: Int) throws {
        let path = try export(count)
        let root = try root()
        #expect(
            root.split(separator: "/").last?.wholeMatch(of: #/01750003201000-[0-9a-f]{8}/#) != nil)
        for opened in [path, path + "/AWSDynamoDB", workspace.path + "/" + root] {
            let source = try TableSource.open(opened)
            #expect(source.facts.kind == .export)
            #expect(source.facts.itemCount == Int64(count))
            #expect(source.facts.instant == 1_750_003_201_000_000)
            #expect(source.facts.tableARN == "arn:aws:dynamodb:eu-west-1:123456789012:table/orders")
            #expect(source.facts.tableID == "11111111-2222-3333-4444-555555555555")
            #expect(try drain(source.rows(schema: orderSchema)).items == lines(count))
        }
        let files = try FileSystem.names(in: "\(workspace.path)/\(root)/data")
        #expect(files.count == (count == 3_000 ? 5 : 1))
        #expect(files.allSatisfy { $0.wholeMatch(of: #/[a-z2-7]{26}\.json\.gz/#) != nil })
        #expect(
            Set(try FileSystem.names(in: path)) == [
                "AWSDynamoDB", "create-table.json", "import-table.json", "after-restore.sh",
            ])
    }

    @Test func writesTheManifestsOfAWS() throws {
        try export(2)
        let root = try root()
        let id = root.split(separator: "/").last ?? ""
        let data = try FileSystem.names(in: "\(workspace.path)/\(root)/data")[0]
        let digest = md5(try workspace.read("\(root)/data/\(data)"))
        let key = "AWSDynamoDB/\(id)/data/\(data)"
        let list = try workspace.read("\(root)/manifest-files.json")
        let files = try JSONValue.parse(list.raw)
        #expect(files.object?.map(\.name) == ["itemCount", "md5Checksum", "etag", "dataFileS3Key"])
        #expect(files["itemCount"]?.integer == 2)
        #expect(files["md5Checksum"]?.string == digest && digest.utf8.count == 24)
        #expect(files["dataFileS3Key"]?.string == key)
        let text = try workspace.read("\(root)/manifest-summary.json")
        let summary = try JSONValue.parse(text.raw)
        #expect(
            summary.object?.map(\.name) == [
                "version", "exportArn", "startTime", "endTime", "tableArn", "tableId",
                "exportTime", "s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId",
                "manifestFilesS3Key", "billedSizeBytes", "itemCount", "outputFormat",
            ])
        #expect(summary["exportTime"]?.string == "2025-06-15T16:00:00.123Z")
        #expect(summary["endTime"]?.string == "2025-06-15T16:01:00.000Z")
        // id 2 + 13, n 1 + 1 or 2, text 4 + 11 or 14.
        let billed: Int64 = (15 + 2 + 15) + (15 + 3 + 18)
        #expect(summary["billedSizeBytes"]?.integer == billed)
        for stem in ["manifest-summary", "manifest-files"] {
            #expect(
                try workspace.text("\(root)/\(stem).md5")
                    == md5(try workspace.read("\(root)/\(stem).json")))
        }
        #expect(try workspace.read("\(root)/_started").isEmpty)
    }

    // MARK: - Damage

    private func change(_ name: String, _ edit: (String) -> String, md5 isRepaired: Bool) throws {
        let path = "\(try root())/\(name)"
        let text = edit(try workspace.text(path + ".json"))
        try workspace.write(path + ".json", text)
        if isRepaired { try workspace.write(path + ".md5", md5(Array(text.utf8)) + "\n") }
    }

    @Test func refusesWhatIsDamaged() throws {
        let path = try export(3_000)
        let root = try root()
        let data = try FileSystem.names(in: "\(workspace.path)/\(root)/data").sorted()[2]
        let dataPath = "\(root)/data/\(data)"
        let original = try workspace.read(dataPath)

        // Another file in its place, whole gzip: the MD5 tells.
        try workspace.write(dataPath, gzip(Array(lines(3).joined(separator: "\n").utf8)))
        #expect(fault(path)?.message.contains("MD5") == true)
        #expect(fault(path)?.location == "\(workspace.path)/\(dataPath)")
        // A bit.
        var flipped = original
        flipped[original.count / 2] ^= 4
        try workspace.write(dataPath, flipped)
        #expect(fault(path)?.code == .invalidInput)
        // The end.
        try workspace.write(dataPath, Array(original.dropLast(9)))
        #expect(fault(path)?.message.contains("cut off") == true)
        // All of it.
        try FileSystem.remove("\(workspace.path)/\(dataPath)")
        #expect(fault(path)?.code == .notFound)
        #expect(fault(path)?.location == "\(workspace.path)/\(dataPath)")
        try workspace.write(dataPath, original)
        #expect(fault(path) == nil)

        // Counts: of a file, with a total that fits; and of the total.
        let files = try workspace.text("\(root)/manifest-files.json")
        let first = files.firstMatch(of: #/"itemCount":(\d+)/#)?.1 ?? ""
        try change(
            "manifest-files",
            {
                $0.replacing(
                    "\"itemCount\":\(first)", with: "\"itemCount\":\((Int(first) ?? 0) + 1)",
                    maxReplacements: 1)
            },
            md5: true)
        #expect(fault(path)?.message.contains("summary says 3000 items") == true)
        try change(
            "manifest-summary", { $0.replacing("\"itemCount\":3000", with: "\"itemCount\":3001") },
            md5: true)
        #expect(fault(path)?.message.contains("but manifest-files.json says") == true)
    }

    @Test(arguments: ["manifest-summary", "manifest-files"])
    func refusesAManifestWithAnotherMD5(name: String) throws {
        let path = try export(3)
        try change(name, { $0 + " " }, md5: false)
        #expect(fault(path)?.message.contains("damaged: its MD5") == true)
        try FileSystem.remove("\(workspace.path)/\(try root())/\(name).md5")
        #expect(fault(path) == nil)
    }

    @Test(arguments: [
        ("DYNAMODB_JSON", "ION", "format ION"), ("2020-06-30", "2031-01-01", "version 2031-01-01"),
        ("\"version\"", "\"exportType\":\"INCREMENTAL_EXPORT\",\"version\"", "incremental"),
        ("\"itemCount\":3", "\"itemCount\":-3", "lacks itemCount"),
        ("T16:00:00.123", "T25:00:00.123", "exportTime"),
        ("{", "", "not JSON"),
    ])
    func refusesOtherSummaries(old: String, new: String, message: String) throws {
        let path = try export(3)
        try change(
            "manifest-summary", { $0.replacing(old, with: new, maxReplacements: 1) }, md5: true)
        let error = fault(path)
        #expect(error?.message.contains(message) == true, "\(error?.description ?? "none")")
        #expect(error?.location?.contains("manifest-summary.json") == true)
    }

    @Test(arguments: [
        ("\"md5Checksum\"", "\"md5\"", "lacks"), (".json.gz\"", ".json.gz/..\"", "lacks"),
        ("{", "[", "not JSON"),
    ])
    func refusesOtherLists(old: String, new: String, message: String) throws {
        let path = try export(3_000)
        try change("manifest-files", { $0.replacing(old, with: new) }, md5: true)
        let error = fault(path)
        #expect(error?.message.contains(message) == true, "\(error?.description ?? "none")")
        #expect(error?.location?.contains("manifest-files.json: line 1") == true)
    }

    @Test func asksWhichOfSeveralAndWaitsForTheUnfinished() throws {
        try export(3, named: "one")
        let id = try root("one").split(separator: "/").last ?? ""
        let other = "\(workspace.path)/one/AWSDynamoDB/01750009999999-00000000"
        try FileSystem.makeDirectory(other)
        try workspace.write("one/AWSDynamoDB/01750009999999-00000000/_started", "")
        #expect(fault(other)?.message.contains("not finished") == true)
        #expect(fault(workspace.path + "/one") == nil)
        try workspace.write("one/AWSDynamoDB/01750009999999-00000000/manifest-summary.json", "{}")
        let error = fault(workspace.path + "/one")
        #expect(error?.code == .ambiguous)
        #expect(error?.message.contains("\(id), 01750009999999-00000000") == true)
        try workspace.write("empty/x", "")
        #expect(fault(workspace.path + "/empty")?.code == .notFound)
    }

    @Test func findsADuplicateInTwoFiles() throws {
        let path = try export(1_200, dataFileBytes: 20_000)
        let root = try root()
        let list = try workspace.text("\(root)/manifest-files.json").split(separator: "\n")
        let names = list.compactMap { $0.firstMatch(of: #/data/([a-z2-7]+\.json\.gz)/#)?.1 }
        #expect(names.count == 4)
        // The second file's items stand in the fourth, too.
        let second = try workspace.read("\(root)/data/\(names[1])")
        try workspace.write("\(root)/data/\(names[3])", second)
        var fourth = String(list[3])
        for pattern in [(#/md5Checksum":"[^"]*"/#, "md5Checksum\":\"\(md5(second))\"")] {
            fourth = fourth.replacing(pattern.0, with: pattern.1)
        }
        try workspace.write(
            "\(root)/manifest-files.json",
            (list[..<3].map(String.init) + [fourth]).map { $0 + "\n" }.joined())
        try FileSystem.remove("\(workspace.path)/\(root)/manifest-files.md5")
        let error = fault(path)
        #expect(error?.location == "\(workspace.path)/\(root)/data/\(names[3]): line 1, byte 0")
        #expect(
            error?.message.contains(
                "\(workspace.path)/\(root)/data/\(names[1]): line 1, byte 0") == true)
    }
}

import Synchronization
import Testing
import VarveArchive
import VarveBackups
import VarveBytes
import VarveFormat
import VarveModel
import VarveStorage

@Suite("Reading past damaged records")
struct DamagedHistoryTests {
    /// Three backups, each its own commit.
    private static func shop() throws -> (Workshop, [FullBackupReport]) {
        let shop = try Workshop()
        let reports = try (0..<3).map { index in
            try shop.backUp(
                "b\(index)", Workshop.lines(40 + index, salt: index),
                second: 1_000 + Int64(index) * 100)
        }
        return (shop, reports)
    }

    /// Opens the repository anew: nothing is cached.
    private static func reopened(_ shop: Workshop) throws -> Repository {
        try Repository.open(
            shop.store,
            environment: Repository.Environment(
                time: shop.time, random: SeededRandom(seed: 9), workers: 1, writer: "test"))
    }

    private static func restore(
        _ shop: Workshop, _ repository: Repository, _ state: StateSelection,
        _ control: OperationControl = OperationControl()
    ) throws -> RestoreReceipt {
        let target = shop.path("restored-\(UInt64.random(in: 0 ... .max))")
        let request = RestoreRequest(table: "T", state: state, target: target)
        return try RestoreOperation(repository, request, control: control).run()
    }

    private static func flip(_ store: any ObjectStore, _ name: String) throws {
        var bytes = try store.read(name)
        bytes[bytes.count / 2] ^= 1
        try store.delete(name)
        try store.create(name, bytes)
    }

    /// Every writer refuses, and says what to do.
    private static func expectWritersRefuse(_ shop: Workshop, _ repository: Repository) throws {
        let before = try shop.listing()
        let request = try shop.request("more", Workshop.lines(45, salt: 9))
        func refuses(_ what: Comment, _ body: () throws -> Void) {
            do {
                try body()
                Issue.record("\(what) did not refuse")
            } catch let error as VarveError {
                #expect(error.code == .damaged, what)
                #expect(error.message.contains("varve repair"), what)
            } catch {
                Issue.record("\(what): \(error)")
            }
        }
        refuses("backup") { _ = try FullBackupOperation(repository, request).run() }
        refuses("forget") {
            var request = ForgetRequest(table: "T")
            request.keepLast = 1
            _ = try ForgetOperation(repository, request).run()
        }
        refuses("prune") { _ = try Pruning(repository).run() }
        #expect(try shop.listing() == before)
    }

    @Test(arguments: [0, 1, 2], [true, false])
    func aLostCommitCostsWhatNeedsIt(_ lost: Int, _ isFlipped: Bool) throws {
        let (shop, reports) = try Self.shop()
        let sequence = reports[lost].backup.commitSequence
        let name = ObjectName.commit(reports[0].table.id, sequence: sequence).path
        if isFlipped {
            try Self.flip(shop.store, name)
        } else {
            try shop.store.delete(name)
        }
        let repository = try Self.reopened(shop)
        let history = try repository.history(of: "T", for: .reading)
        #expect(history.damage.count == 1)
        #expect(history.damage.first?.location?.contains(name) == true)
        #expect(history.backups.count == 3)
        for (index, report) in reports.enumerated() {
            let told = Mutex(0)
            let control = OperationControl { _ in told.withLock { $0 += 1 } }
            if index < lost {
                // What came before needs nothing of it.
                let receipt = try Self.restore(shop, repository, .backup("b\(index)"), control)
                #expect(receipt.isEqual && receipt.items == report.backup.items)
            } else {
                #expect(
                    errorCode {
                        _ = try Self.restore(shop, repository, .backup("b\(index)"), control)
                    } == .damaged)
            }
            #expect(told.withLock { $0 } == 1)
        }
        #expect(errorCode { _ = try Self.restore(shop, repository, .latest) } == .damaged)
        try Self.expectWritersRefuse(shop, repository)
    }

    @Test func aLostBackupRecordCostsItsName() throws {
        let (shop, reports) = try Self.shop()
        let name = ObjectName.backup(reports[0].table.id, reports[1].backup.id).path
        try Self.flip(shop.store, name)
        let repository = try Self.reopened(shop)
        for index in [0, 2] {
            #expect(try Self.restore(shop, repository, .backup("b\(index)")).isEqual)
        }
        #expect(errorCode { _ = try Self.restore(shop, repository, .backup("b1")) } == .notFound)
        // Its commit still tells of the state.
        #expect(try Self.restore(shop, repository, .instant(reports[1].backup.instant)).isEqual)
        #expect(try Self.restore(shop, repository, .latest).items == 42)
        try Self.expectWritersRefuse(shop, repository)
    }

    /// Leaves alone tell which items have a large value.
    @Test func aLostLargeValueIsToldByItsKey() throws {
        let shop = try Workshop()
        let random = SeededRandom(seed: 11)
        let large = (0..<4).map { _ in random.bytes(32 << 10).raw.hexadecimal }.joined()
        var lines = Workshop.lines(40)
        lines[21] = lines[21].replacing("\"v21\"", with: "\"\(large)\"")
        try shop.backUp("one", lines, second: 1_000)
        try shop.backUp("two", Array(lines[..<39]), second: 2_000)
        for pack in try shop.store.list("packs/") {
            var bytes = try shop.store.read(pack.name)
            guard let place = bytes.firstRange(of: Array(large.prefix(12).utf8)) else { continue }
            bytes[place.lowerBound] ^= 1
            try shop.store.delete(pack.name)
            try shop.store.create(pack.name, bytes)
        }
        let repository = try Self.reopened(shop)
        for name in ["one", "two"] {
            let error = #expect(throws: VarveError.self) {
                _ = try Self.restore(shop, repository, .backup(name))
            }
            #expect(error?.code == .damaged)
            let key = #"the item {"P":{"S":"100005"},"S":{"N":"1"}}"#
            #expect(error?.message.contains(key) == true, "\(error?.message ?? "")")
        }
    }

    @Test func aLostTableRecordHidesNothing() throws {
        let (shop, reports) = try Self.shop()
        let name = ObjectName.table(reports[0].table.id).path
        let bytes = try shop.store.read(name)
        try shop.store.delete(name)
        let repository = try Self.reopened(shop)
        let catalog = try repository.catalog(for: .reading)
        #expect(catalog.tables.isEmpty && catalog.damage.first?.location == name)
        #expect(errorCode { _ = try repository.tables() } == .damaged)
        #expect(errorCode { _ = try Self.restore(shop, repository, .latest) } == .damaged)
        try Self.expectWritersRefuse(shop, repository)
        try shop.store.create(name, bytes)
        #expect(try Self.restore(shop, try Self.reopened(shop), .latest).items == 42)
    }

    @Test func anOlderIncarnationsRecordIsNotNeededForReading() throws {
        let (shop, reports) = try Self.shop()
        let keys = KeySchema(partition: KeyAttribute(name: "S", type: .number))
        try shop.backUp("other", Array(Workshop.lines(4)), second: 3_000) {
            $0.schema = keys
            $0.force = true
        }
        let name = ObjectName.table(reports[0].table.id).path
        try shop.store.delete(name)
        let repository = try Self.reopened(shop)
        #expect(try Self.restore(shop, repository, .latest).items == 4)
        #expect(errorCode { _ = try repository.newestTable("T") } == .damaged)
    }

    @Test func aRecordAloneIsBuiltOn() throws {
        let shop = try Workshop()
        let made = try shop.repository.makeTable(
            name: "T", schema: Workshop.schema, arn: "", serviceID: "")
        #expect(try shop.repository.history(of: "T").isEmpty)
        let report = try shop.backUp("one", Workshop.lines(5))
        #expect(report.table.id == made.id)
    }
}

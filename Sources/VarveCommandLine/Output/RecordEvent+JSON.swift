import VarveArchive
import VarveBackups
import VarveBytes
import VarveEndpoints
import VarveFormat

extension RecordEvent {
    /// As one line of `record --json`.
    var json: JSONValue {
        switch self {
        case .opened(let table, let isNew, let head):
            .members([
                "event": .string("opened"), "table": .string(table), "isNew": .boolean(isNew),
                "to": head.to.map { .string(Quantities.time($0)) },
                "head": .string(head.hash.description),
            ])
        case .resumed(let path, let offset):
            .members([
                "event": .string("resumed"), "file": .string(path), "byte": .number(offset),
            ])
        case .passedOver(let path, let table, let begin):
            .members([
                "event": .string("passedOver"), "file": .string(path), "table": .string(table),
                "begin": .string(begin.description),
            ])
        case .committed(let table, let head, let statistics):
            .members([
                "event": .string("committed"), "table": .string(table),
                "to": head.to.map { .string(Quantities.time($0)) },
                "recorded": .number(Int64(statistics.recorded)),
                "commits": .number(Int64(statistics.commits)),
                "items": .number(Int64(head.items)), "head": .string(head.hash.description),
                "byte": SourcePosition(encoded: head.sourcePosition)
                    .map { .number(Int64(clamping: $0.offset)) },
            ])
        case .closed(let table, let head, let reason):
            .members([
                "event": .string("closed"), "table": .string(table),
                "to": head.to.map { .string(Quantities.time($0)) }, "reason": .string(reason),
            ])
        case .rejected(let table, let place, let reason):
            .members([
                "event": .string("rejected"), "table": table.map { .string($0) },
                "place": .string(place), "reason": .string(reason),
            ])
        }
    }
}

extension RecordReport {
    /// As one line of `record --json`.
    var json: JSONValue {
        .members([
            "event": .string("finished"),
            "tables": .array(tables.map(\.json)),
            "unmadeTables": .array(unmadeTables.map { .string($0) }),
            "records": .number(Int64(recordCount)),
            "leftOut": .object(
                leftOut.sorted { $0.key < $1.key }.map {
                    JSONValue.Member($0.key, .number(Int64($0.value)))
                }),
            "unassigned": .number(Int64(unassignedCount)),
            "cutOff": .array(cutOff.map { .string($0.description) }),
            "rejected": .number(Int64(rejectedCount)),
            "firstRejected": firstRejected.map {
                .members(["place": .string($0.place), "reason": .string($0.reason)])
            },
            "rejects": rejectsPath.map { .string($0) },
            "wasInterrupted": .boolean(wasInterrupted),
            "compaction": compaction.json,
            "microseconds": .number(microseconds),
        ])
    }
}

extension BackgroundCompaction.Report {
    /// As one line of `record --json`.
    var json: JSONValue {
        .members([
            "layouts": .number(Int64(steps)), "coveredCommits": .number(Int64(coveredCommits)),
            "mergedRuns": .number(Int64(mergedRuns)),
            "rewrittenChanges": .number(Int64(rewrittenChanges)),
            "newRunBytes": .number(Int64(newRunBytes)), "images": .number(Int64(images)),
            "imageBytes": .number(Int64(imageBytes)),
            "deletedPacks": .number(Int64(deletedPacks)),
            "failure": failure.map { .string($0.description) },
        ])
    }
}

extension TableRecordReport {
    /// As one line of `record --json`.
    var json: JSONValue {
        .members([
            "table": .string(table), "tableId": .string(id.description),
            "isNewTable": .boolean(isNew), "isClosed": .boolean(head.isClosed),
            "to": head.to.map { .string(Quantities.time($0)) },
            "items": isInDoubt ? nil : .number(Int64(head.items)),
            "itemBytes": isInDoubt ? nil : .number(Int64(head.bytes)),
            "digest": isInDoubt ? nil : .string(head.digest.description),
            "received": .number(Int64(statistics.received)),
            "recorded": .number(Int64(statistics.recorded)),
            "known": .number(Int64(statistics.known)),
            "covered": .number(Int64(statistics.covered)),
            "withoutEffect": .number(Int64(statistics.noChanges)),
            "rejected": .number(Int64(rejectedCount)), "held": .number(Int64(heldCount)),
            "commits": .number(Int64(statistics.commits)),
            "checkpoints": .number(Int64(statistics.checkpoints)),
            "writtenBytes": .number(Int64(statistics.writtenBytes)),
            "head": .string(head.hash.description),
        ])
    }
}

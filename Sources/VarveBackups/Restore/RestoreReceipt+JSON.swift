import VarveBytes
public import VarveEndpoints
import VarveFormat

extension RestoreReceipt {
    public var json: JSONValue {
        .members([
            "table": .string(table),
            "tableId": .string(id.description),
            "incarnation": .number(incarnation),
            "instant": .string(instant.description),
            "checkpoint": .string(checkpoint.description),
            "isSealed": .boolean(!isUnsealed),
            "backup": backup.map { .string($0.name) },
            "backupId": backup.map { .string($0.id.description) },
            "target": .string(target),
            "format": .string(format),
            "isPart": .boolean(isPart),
            "items": .number(items),
            "itemBytes": .number(itemBytes),
            "fileBytes": .number(fileBytes),
            "digestRecorded": .string(digestRecorded.description),
            "digestRecomputed": .string(digestRecomputed.description),
            "equal": .boolean(isEqual),
            "proof": .string(proof.rawValue),
            "derivedFrom": derivedFrom.map { .string($0.description) },
            "head": .string(head.description),
            "microseconds": .number(microseconds),
        ])
    }
}

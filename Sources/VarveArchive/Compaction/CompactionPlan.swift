import VarveBytes
import VarveFormat

/// Which runs become one, and whether an image is due: pure, without reading a page.
///
/// Runs of history that was recorded second by second are merged in tiers, like those of a
/// log-structured merge tree: sixteen of a size class that stand side by side become one. So a
/// change is written anew once a class, and a state needs few runs. Runs that newer, larger ones
/// leave behind are merged too, because nothing will stand beside them any more. Neither an image
/// nor the end of a range is ever straddled. Source: Spec 11, Compaction.
struct CompactionPlan: Equatable {
    /// So many runs of a size class are merged; each class is as many times the one before.
    static let fanIn = 16
    /// Stored bytes below which a run is of the first class.
    static let firstClassBytes: UInt64 = 2_048
    /// Fresh runs are folded up to so many stored bytes, so that a step stays short.
    static let foldBytesMax: UInt64 = 8 << 20
    /// Runs of a stretch that is exact at checkpoints only, beyond which they are merged.
    static let copiesMax = 64
    /// Stored bytes that runs may always be merged to.
    static let mergedBytesMin: UInt64 = 2 << 20
    /// Stored bytes that a merged run saves, for each run that it replaces: headers of its page.
    private static let overheadBytes: UInt64 = 160
    /// Stored bytes of a run from which on merging does not make it smaller.
    private static let smallRunBytes: UInt64 = 65_536

    /// Runs that follow each other, from the oldest to the newest; each at least two.
    var merges: [[Piece]] = []

    /// - Parameters:
    ///   - pieces: of the layout and of the commits that are to be covered.
    ///   - fresh: the runs of those commits: as many as fit are folded into one.
    ///   - ranges: with the commits that are to be covered.
    init(pieces: [Piece], fresh: Set<Piece> = [], ranges: [RestorableRange]) {
        for stretch in Stretch.all(pieces, ranges) {
            var nodes = stretch.runs.map(Node.init)
            if stretch.isExact {
                nodes = Self.folded(
                    nodes, fresh, bytesMax: min(Self.foldBytesMax, stretch.mergedBytesMax))
                while let range = Self.due(nodes, stretch) {
                    Self.merge(&nodes, range, bytesMax: stretch.mergedBytesMax)
                }
            } else if nodes.count > Self.copiesMax {
                nodes = [Node(nodes)]
            }
            merges += nodes.map(\.runs).filter { $0.count > 1 }
        }
    }

    var isEmpty: Bool { merges.isEmpty }

    // MARK: Nodes

    /// A run, or several that become one.
    struct Node {
        var runs: [Piece]
        var storedBytes: UInt64

        init(_ run: Piece) {
            runs = [run]
            storedBytes = run.tree.storedBytes
        }

        init(_ parts: [Node]) {
            runs = parts.flatMap(\.runs)
            let sum = parts.reduce(0 as UInt64) { $0.saturated(adding: $1.storedBytes) }
            let saved = CompactionPlan.overheadBytes * UInt64(parts.count - 1)
            storedBytes = max(sum / 4, sum - min(sum, saved))
        }

        /// 0 up to `firstClassBytes`; one more for every sixteenfold.
        var sizeClass: Int {
            var limit = CompactionPlan.firstClassBytes
            var result = 0
            while storedBytes >= limit, result < 12 {
                limit *= UInt64(CompactionPlan.fanIn)
                result += 1
            }
            return result
        }
    }

    /// About what a run adds to the one that it is merged into. Small runs are mostly headers, and
    /// names and dictionaries that the others have, too.
    static func mergedBytes(_ storedBytes: UInt64) -> UInt64 {
        if storedBytes >= smallRunBytes { return storedBytes }
        return (storedBytes - min(storedBytes, overheadBytes)) / 2
    }

    /// Fresh runs that stand side by side become one, but those that are large already.
    private static func folded(
        _ nodes: [Node], _ fresh: Set<Piece>, bytesMax: UInt64
    ) -> [Node] {
        if fresh.isEmpty { return nodes }
        var result: [Node] = []
        var group: [Node] = []
        var bytes: UInt64 = 0
        func close() {
            if !group.isEmpty { result.append(group.count == 1 ? group[0] : Node(group)) }
            group = []
            bytes = 0
        }
        for node in nodes {
            let isFresh = node.runs.count == 1 && fresh.contains(node.runs[0])
            let added = mergedBytes(node.storedBytes)
            if !isFresh || bytes.saturated(adding: added) > bytesMax { close() }
            if !isFresh {
                result.append(node)
            } else {
                group.append(node)
                bytes |+= added
            }
        }
        close()
        return result
    }

    // MARK: What is due

    /// The nodes to merge next; nil if none are due.
    ///
    /// A node of more than half of what a merged run may have stays as it is: it parts the others
    /// into groups of which any two neighbours may be merged.
    private static func due(_ nodes: [Node], _ stretch: Stretch) -> Range<Int>? {
        let isFull = nodes.map { $0.storedBytes > stretch.mergedBytesMax / 2 }
        let classes = nodes.map(\.sizeClass)
        var start = 0
        while start < nodes.count {
            let end = isFull[start...].firstIndex(of: true) ?? nodes.count
            let group = classes[start..<end]
            let isOpen = end == nodes.count && !stretch.isClosed
            if let found = isOpen ? tier(group) ?? leftover(group) : rest(group) { return found }
            start = end + 1
        }
        return nil
    }

    /// Sixteen runs of a class, with smaller ones between them.
    private static func tier(_ classes: ArraySlice<Int>) -> Range<Int>? {
        for level in 0...(classes.max() ?? 0) {
            var first: Int?
            var count = 0
            for index in classes.indices {
                if classes[index] > level {
                    (first, count) = (nil, 0)
                } else if classes[index] == level {
                    let start = first ?? index
                    first = start
                    count += 1
                    if count >= fanIn { return start..<index + 1 }
                }
            }
        }
        return nil
    }

    /// Two or more runs before a larger one: nothing will stand beside them any more.
    private static func leftover(_ classes: ArraySlice<Int>) -> Range<Int>? {
        for index in classes.indices {
            var first = index
            while first > classes.startIndex, classes[first - 1] < classes[index] { first -= 1 }
            if index - first >= 2 { return first..<index }
        }
        return nil
    }

    /// All that is left where nothing will be added.
    private static func rest(_ classes: ArraySlice<Int>) -> Range<Int>? {
        classes.count >= 2 ? classes.indices : nil
    }

    /// Merges the nodes of a range, into as few as the limit allows.
    private static func merge(_ nodes: inout [Node], _ range: Range<Int>, bytesMax: UInt64) {
        var result: [Node] = []
        var group: [Node] = []
        var bytes: UInt64 = 0
        for node in nodes[range] {
            if !group.isEmpty, bytes.saturated(adding: node.storedBytes) > bytesMax {
                result.append(group.count == 1 ? group[0] : Node(group))
                (group, bytes) = ([], 0)
            }
            group.append(node)
            bytes |+= node.storedBytes
        }
        result.append(group.count == 1 ? group[0] : Node(group))
        nodes.replaceSubrange(range, with: result)
    }
}

/// Runs that follow each other without an image or the end of a range between them.
struct Stretch {
    /// From the oldest to the newest.
    var runs: [Piece]
    /// Whether every second of it can be restored.
    var isExact: Bool
    /// Whether nothing will be added.
    var isClosed: Bool
    /// Stored bytes of the image that it builds on; 0 if that is not known.
    var imageBytes: UInt64

    /// Stored bytes that one of its runs may have. A state needs a run whole, even if it needs few
    /// of its changes; so a stretch between two images keeps four runs or more.
    var mergedBytesMax: UInt64 { max(CompactionPlan.mergedBytesMin, imageBytes / 4 * 3) }

    static func all(_ pieces: [Piece], _ ranges: [RestorableRange]) -> [Stretch] {
        var images: [Int64: UInt64] = [:]
        for image in pieces where image.kind == .image {
            images[image.to] = image.tree.storedBytes
        }
        var barriers: Set<Int64> = Set(images.keys)
        for range in ranges {
            barriers.insert(range.from.microseconds)
            barriers.insert(range.to.microseconds)
        }
        let runs = pieces.filter { $0.kind == .run && $0.from < $0.to }
            .sorted { ($0.from, $0.to) < ($1.from, $1.to) }
        var result: [Stretch] = []
        var imageBytes: UInt64 = 0
        for run in runs {
            if let bytes = images[run.from] { imageBytes = bytes }
            if let last = result.last?.runs.last, last.to == run.from, !barriers.contains(run.from)
            {
                result[result.count - 1].runs.append(run)
                continue
            }
            let isExact = ranges.contains {
                !$0.isExactAtCheckpointsOnly && $0.from.microseconds <= run.from
                    && run.from < $0.to.microseconds
            }
            result.append(
                Stretch(runs: [run], isExact: isExact, isClosed: false, imageBytes: imageBytes))
        }
        let end = runs.map(\.to).max() ?? 0
        for index in result.indices {
            let last = result[index].runs[result[index].runs.count - 1].to
            result[index].isClosed = last < end || images[last] != nil
        }
        return result
    }
}

extension CompactionPlan {
    /// Halves of the stored image that the runs after it may take before the next image is written.
    /// At five a state costs at most some two and a half times what its image alone would, and
    /// images at most two fifths of what the runs take.
    static let runHalvesMax: UInt64 = 5
    /// Stored bytes of runs below which no image is written.
    static let imageRunBytesMin: UInt64 = 4 << 20

    /// Whether the runs that a state needs take so much that an image pays off.
    static func deservesImage(imageBytes: UInt64, runBytes: UInt64) -> Bool {
        runBytes >= max(imageRunBytesMin, imageBytes / 2 * runHalvesMax)
    }
}

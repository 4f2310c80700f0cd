import Testing

@testable import Conversation

@Suite("Segments of parts")
struct SegmentAssemblerTests {
  private func part(
    _ index: Int, _ bytes: Int = 3, part: Int = 0, more: Bool = false, last: Bool = false, duration_ms: Int64 = 1_000
  ) -> AudioPart {
    AudioPart(
      index: index, content: Array(repeating: UInt8(truncatingIfNeeded: index + part), count: bytes),
      duration_ms: duration_ms, isLast: last, part: part, hasMoreParts: more)
  }

  /// `3` a segment of index 3, `!3` a refused one, followed by what is wrong.
  private func run(_ parts: [AudioPart], kind: AudioKind = .segmented) -> [String] {
    var assembler = SegmentAssembler(kind: kind)
    return parts.flatMap { assembler.add($0) }.map { outcome in
      switch outcome {
      case .segment(let segment): "\(segment.index):\(segment.content.count)\(segment.isLast ? "." : "")"
      case .refused(let index, .fieldInvalid(let field, _), _): "!\(index) \(field)"
      case .refused(let index, let refusal, let endsRecording): "!\(index) \(refusal)\(endsRecording ? "." : "")"
      }
    }
  }

  @Test("whole segments, in any order")
  func whole() {
    #expect(run([part(2), part(0), part(2), part(1, last: true)]) == ["2:3", "0:3", "2:3", "1:3."])
  }

  @Test("parts become one segment; is_last may come with any of them")
  func parts() {
    #expect(run([part(1, more: true), part(1, 4, part: 1, more: true), part(1, 5, part: 2)]) == ["1:12"])
    #expect(run([part(1, more: true), part(1, part: 1, last: true), part(2)]) == ["1:6.", "2:3"])
  }

  @Test("the digest is that of the whole segment, however it came")
  func digest() {
    var one = SegmentAssembler(kind: .segmented)
    var two = SegmentAssembler(kind: .segmented)
    let whole = one.add(AudioPart(index: 0, content: Array(0..<200)))
    var parts = two.add(AudioPart(index: 0, content: Array(0..<77), hasMoreParts: true))
    parts += two.add(AudioPart(index: 0, content: Array(77..<200), part: 1))
    guard case .segment(let left)? = whole.first, case .segment(let right)? = parts.first else {
      Issue.record("no segment")
      return
    }
    #expect(left.digest == right.digest && left.content == right.content && left.digest.count == 32)
  }

  @Test("a missing part refuses that segment, once, and the next one goes on")
  func missing() {
    #expect(run([part(1, more: true), part(2)]) == ["!1 segment.part", "2:3"])
    #expect(
      run([part(1, more: true), part(1, part: 2, more: true), part(1, part: 3), part(2)])
        == ["!1 segment.part", "2:3"])
    #expect(run([part(1, part: 1, more: true), part(1, part: 2), part(1)]) == ["!1 segment.part", "1:3"])
    // The same segment from its start again.
    #expect(run([part(1, more: true), part(1, more: true), part(1, part: 1)]) == ["!1 segment.part", "1:6"])
  }

  @Test(
    "bad fields are refused alone",
    arguments: [
      (-1, 3, 1_000, "!-1 segment.index"), (4096, 3, 1_000, "!4096 sessionFull"), (4095, 3, 1_000, "4095:3"),
      (0, 0, 1_000, "!0 segment.content"), (0, 3, -1, "!0 segment.duration"), (0, 3, 0, "0:3"),
      (0, 3, 3_600_000, "0:3"), (0, 3, 3_600_001, "!0 segment.duration"),
      (0, 1 << 20, 1, "0:1048576"), (0, (1 << 20) + 1, 1, "!0 tooLarge(limit_bytes: 1048576)"),
    ] as [(Int, Int, Int64, String)])
  func fields(index: Int, bytes: Int, duration_ms: Int64, answer: String) {
    #expect(run([part(index, bytes, duration_ms: duration_ms), part(7)]) == [answer, "7:3"])
  }

  @Test(
    "a segment beyond the last index is refused for the session's limit, and ends the recording when it is the last")
  func beyondTheLastIndex() {
    #expect(run([part(4096, last: true), part(5000)]) == ["!4096 sessionFull.", "!5000 sessionFull"])
    #expect(run([part(4096, more: true, last: true), part(4096, part: 1), part(1)]) == ["!4096 sessionFull.", "1:3"])
    #expect(run([part(4096, last: true)], kind: .wholeMessage) == ["!4096 segment.index"])
  }

  @Test("twelve MiB are a segment, a byte more is not")
  func largest() {
    var parts = (0..<12).map { part(0, 1 << 20, part: $0, more: true) }
    parts[11].hasMoreParts = false
    #expect(run(parts) == ["0:12582912"])
    parts[11].hasMoreParts = true
    #expect(
      run(parts + [part(0, 1, part: 12, more: true), part(0, 1, part: 13), part(1)])
        == ["!0 tooLarge(limit_bytes: 12582912)", "1:3"])
  }

  @Test("a whole message is index 0 and the last one")
  func wholeMessage() {
    #expect(run([part(0), part(1)], kind: .wholeMessage) == ["0:3.", "!1 segment.index"])
  }
}

@Suite("What is durable")
struct DurableSegmentsTests {
  @Test(
    "gaps and islands",
    arguments: [
      (-1, [], [], []), (4, [], [], []), (-1, [0..<0], [], []), (0, [2..<3], [2], [1]),
      (1, [3..<5, 7..<8], [3, 4, 7], [2, 5, 6]),
    ] as [(Int, [Range<Int>], [Int], [Int])])
  func lists(through: Int, later: [Range<Int>], beyond: [Int], missing: [Int]) {
    let durable = DurableSegments(through: through, later: later)
    #expect(durable.beyond() == beyond && durable.missing() == missing)
  }

  @Test("at most 64 are listed")
  func bounded() {
    let durable = DurableSegments(through: -1, later: [1000..<2000])
    #expect(durable.beyond().count == 64 && durable.missing().count == 64 && durable.missing().first == 0)
  }
}

@Suite("A stream's queue")
struct SegmentQueueTests {
  private func segment(_ index: Int, _ bytes: Int = 1) -> SegmentQueue.Entry {
    .segment(
      AudioSegment(
        index: index, content: Array(repeating: 0, count: bytes), digest: [], duration_ms: 0, isLast: false,
        recordTime: nil))
  }

  private func indices(_ entries: [SegmentQueue.Entry]?) -> [Int]? {
    entries?.map { entry in
      switch entry {
      case .segment(let segment): segment.index
      case .refused(let index, _, _): -index
      }
    }
  }

  @Test("index 0 and refusals go alone, the rest together up to a MiB")
  func batches() async throws {
    let queue = SegmentQueue()
    for entry in [segment(1), segment(2), .refused(index: 3, .conflict), segment(0), segment(4)] {
      _ = try await queue.add(entry)
    }
    queue.close()
    var taken: [[Int]] = []
    while let batch = indices(try await queue.take()) { taken.append(batch) }
    #expect(taken == [[1, 2], [-3], [0], [4]])
    let large = SegmentQueue()
    for index in 1...4 { _ = try await large.add(segment(index, 400 << 10)) }
    #expect(indices(try await large.take()) == [1, 2])
  }

  @Test("the ninth waits until one is acknowledged")
  func backpressure() async throws {
    let queue = SegmentQueue()
    for index in 1...8 { _ = try await queue.add(segment(index)) }
    let ninth = Task { try await queue.add(segment(9)) }
    #expect(try await queue.take()?.count == 8)
    queue.acknowledge(1)
    #expect(try await ninth.value)
    #expect(indices(try await queue.take()) == [9])
  }

  @Test("a closed queue takes nothing, gives what it has, then its reason")
  func closing() async throws {
    let queue = SegmentQueue()
    _ = try await queue.add(segment(1))
    queue.close(.draining)
    queue.close(.tokenExpired)
    #expect(try await queue.add(segment(2)) == false)
    #expect(indices(try await queue.take()) == [1])
    await #expect(throws: ConversationError.draining) { try await queue.take() }
  }

  @Test("both sides stop waiting when they are cancelled")
  func cancellation() async throws {
    let empty = SegmentQueue()
    let taker = Task { try await empty.take() }
    taker.cancel()
    await #expect(throws: CancellationError.self) { try await taker.value }
    let full = SegmentQueue()
    for index in 1...8 { _ = try await full.add(segment(index)) }
    let adder = Task { try await full.add(segment(9)) }
    adder.cancel()
    await #expect(throws: CancellationError.self) { try await adder.value }
  }
}

@Suite("Memory of many streams")
struct MemoryBudgetTests {
  private static let anna = UserID("anna")
  private static let ben = UserID("ben")

  @Test("who asks for more than is free waits, in order")
  func order() async throws {
    let budget = MemoryBudget(size_bytes: 10, share_bytes: 10)
    #expect(try await budget.reserve(8, for: Self.anna, patience_ms: 0))
    let large = Task { try await budget.reserve(9, for: Self.ben, patience_ms: 60_000) }
    while budget.waitingCount == 0 { await Task.yield() }
    // A small one does not overtake.
    #expect(try await budget.reserve(1, for: Self.ben, patience_ms: 20) == false)
    budget.release(8, of: Self.anna)
    #expect(try await large.value)
    #expect(budget.free_bytes == 1)
  }

  @Test("patience and cancellation give the place up")
  func giveUp() async throws {
    let budget = MemoryBudget(size_bytes: 10, share_bytes: 10)
    #expect(try await budget.reserve(10, for: Self.anna, patience_ms: 0))
    #expect(try await budget.reserve(1, for: Self.anna, patience_ms: 10) == false)
    let waiter = Task { try await budget.reserve(1, for: Self.anna, patience_ms: 60_000) }
    waiter.cancel()
    await #expect(throws: CancellationError.self) { _ = try await waiter.value }
    budget.release(10, of: Self.anna)
    #expect(budget.free_bytes == 10 && budget.waitingCount == 0)
  }

  @Test("a user who has their share waits for their own, and others pass")
  func share() async throws {
    let budget = MemoryBudget(size_bytes: 10, share_bytes: 4)
    #expect(try await budget.reserve(4, for: Self.anna, patience_ms: 0))
    let more = Task { try await budget.reserve(2, for: Self.anna, patience_ms: 60_000) }
    while budget.waitingCount == 0 { await Task.yield() }
    #expect(try await budget.reserve(4, for: Self.ben, patience_ms: 60_000))
    #expect(budget.free_bytes == 2 && budget.waitingCount == 1)
    budget.release(3, of: Self.anna)
    #expect(try await more.value)
    #expect(budget.free_bytes == 3)
    #expect(try await budget.reserve(5, for: Self.anna, patience_ms: 10) == false)
  }
}

@testable import Conversation
import Synchronization
import TestSupport
import Testing

/// Several streams, one statement.
@Suite struct VoiceWriterTests {
  private let store = HeldStore()

  private func command(_ session: VoiceSessionID, _ index: Int = 1, generation: Int = 1, last: Bool = false)
    -> StoreSegments
  {
    let segment = AudioSegment(
      index: index, content: [1], digest: [], duration_ms: 1, isLast: last, recordTime: nil)
    return StoreSegments(
      key: VoiceSessionKey(user: "u", conversation: "c", session: session, generation: generation), stream: "s",
      kind: .segmented, format: nil, segments: [segment], expectedIndex: 1, receivedTime: Timestamp(microseconds: 0),
      now: Timestamp(microseconds: 0), abandonment_ms: 1, gapPatience_ms: 1)
  }

  /// As many statements under way as there may be, and these sessions waiting.
  private func wait(
    _ writer: SegmentWriter, _ group: inout ThrowingTaskGroup<Int, any Error>, for waiting: [VoiceSessionID]
  ) async throws {
    for number in 0..<Limits.segmentStatements {
      group.addTask { try await writer.write(self.command(VoiceSessionID("first-\(number)"))).durable.through }
    }
    try await waitUntil { store.groups.count == Limits.segmentStatements }
    for (number, session) in waiting.enumerated() {
      group.addTask { try await writer.write(self.command(session)).durable.through }
      try await waitUntil { writer.waitingCount == number + 1 }
    }
  }

  @Test func whatComesMeanwhileIsStoredByOneStatement() async throws {
    let writer = SegmentWriter(store: store)
    try await withThrowingTaskGroup(of: Int.self) { group in
      try await wait(writer, &group, for: ["a", "b", "c"])
      store.release()
      for try await through in group { #expect(through == 1) }
    }
    #expect(store.groups.last == ["a", "b", "c"] && store.alone.isEmpty)
  }

  @Test func ofAFailedStatementEachIsStoredByItself() async throws {
    let writer = SegmentWriter(store: store)
    store.poison("b")
    try await withThrowingTaskGroup(of: Int.self) { group in
      try await wait(writer, &group, for: ["a", "b", "c"])
      store.release()
      for try await through in group { #expect(through == 1) }
    }
    #expect(Set(store.alone) == ["a", "b", "c"])
  }

  @Test func aCancelledOneLeavesAndTheOthersGoOn() async throws {
    let writer = SegmentWriter(store: store)
    try await withThrowingTaskGroup(of: Int.self) { group in
      try await wait(writer, &group, for: ["a"])
      let cancelled = Task { try await writer.write(command("b")) }
      try await waitUntil { writer.waitingCount == 2 }
      cancelled.cancel()
      await #expect(throws: CancellationError.self) { try await cancelled.value }
      store.release()
      for try await through in group { #expect(through == 1) }
    }
    #expect(store.groups.last == ["a"] && store.alone.isEmpty)
  }

  /// First segments, last ones, repetitions, and what is behind a gap.
  @Test func theOthersAreStoredByThemselves() async throws {
    let writer = SegmentWriter(store: store)
    let others = [
      command("new", 0, generation: 0), command("last", last: true), command("again", 0), command("gap", 2),
    ]
    for command in others { _ = try await writer.write(command) }
    #expect(store.groups.isEmpty && store.alone == ["new", "last", "again", "gap"])
  }

  @Test func afterALullTheNextIsStoredAtOnce() async throws {
    let writer = SegmentWriter(store: store)
    store.release()
    for number in 0..<3 * Limits.segmentStatements {
      #expect(try await writer.write(command(VoiceSessionID("\(number)"))).durable.through == 1)
    }
    #expect(store.groups.map(\.count) == Array(repeating: 1, count: 3 * Limits.segmentStatements))
  }
}

/// Statements wait until they are released; a group with a poisoned session fails.
private final class HeldStore: SegmentStore {
  private struct State {
    var groups: [[VoiceSessionID]] = []
    var alone: [VoiceSessionID] = []
    var poisoned: VoiceSessionID?
    var isReleased = false
    var held: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  var groups: [[VoiceSessionID]] { state.withLock { $0.groups } }
  var alone: [VoiceSessionID] { state.withLock { $0.alone } }

  func poison(_ session: VoiceSessionID) { state.withLock { $0.poisoned = session } }

  func release() {
    let held = state.withLock { state in
      state.isReleased = true
      defer { state.held = [] }
      return state.held
    }
    for continuation in held { continuation.resume() }
  }

  func storeSegments(_ command: StoreSegments) async throws -> StoredSegments {
    state.withLock { $0.alone.append(command.key.session) }
    return Self.stored(command)
  }

  func extendRecordings(_ commands: [StoreSegments]) async throws -> [StoredSegments?] {
    let sessions = commands.map(\.key.session)
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        state.groups.append(sessions)
        if !state.isReleased { state.held.append(continuation) }
        return state.isReleased
      }
      if isFree { continuation.resume() }
    }
    if let poisoned = state.withLock({ $0.poisoned }), sessions.contains(poisoned) {
      throw ConversationError.overloaded("poisoned")
    }
    return commands.map { Self.stored($0) }
  }

  private static func stored(_ command: StoreSegments) -> StoredSegments {
    StoredSegments(
      generation: command.key.generation, state: .recording,
      durable: DurableSegments(through: command.segments.last?.index ?? -1, later: []), verdicts: [.stored],
      isDue: false, quota: nil)
  }
}

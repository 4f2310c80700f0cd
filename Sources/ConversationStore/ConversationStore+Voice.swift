package import Conversation
import PostgreSQL

extension ConversationStore: VoiceStore {
  package func storeSegments(_ command: StoreSegments) async throws -> StoredSegments {
    if let stored = try await storeSegments(command, heavy: false) { return stored }
    guard let stored = try await storeSegments(command, heavy: true) else {
      throw ConversationError.overloaded("the voice session keeps changing")
    }
    return stored
  }

  /// `nil`: to be done under the conversation's lock.
  private func storeSegments(_ command: StoreSegments, heavy: Bool) async throws -> StoredSegments? {
    let segments = command.segments
    return try await run(
      Statements.storeSegments,
      Self.parameters(of: command.key) + [
        .text(command.stream), .text(command.kind.rawValue),
        .optional(command.format?.rawValue, PostgreSQLValue.text), .int64Array(segments.map { Int64($0.index) }),
        .bytesArray(segments.map(\.content)), .bytesArray(segments.map(\.digest)),
        .int64Array(segments.map(\.duration_ms)), .int64Array(segments.map(\.charge_ms)),
        .int64Array(segments.map { $0.recordTime?.microseconds ?? 0 }), .boolArray(segments.map(\.isLast)),
        .timestamp(command.receivedTime.microseconds), .timestamp(command.now.microseconds), quotaLimits,
        .int64Array([Conversation.Limits.session_ms, command.abandonment_ms, command.gapPatience_ms]), .bool(heavy),
        // A short way for continuations, which have one of their own now.
        .int64Array([]),
      ], mayRepeat: true
    ) { result in
      let (row, outcome) = try result.accepted()
      switch outcome {
      case .again: return nil
      case .quota: throw ConversationError.quotaExceeded(try QuotaSnapshot(row, first: 8))
      default:
        return StoredSegments(
          generation: try row.int(1), state: try stored(row.string(2)),
          durable: try DurableSegments(row, first: 3),
          verdicts: try row.stringArray(6).map { try stored($0) }, isDue: try row.optionalBool(7) ?? false,
          quota: row.isNull(8) ? nil : try QuotaSnapshot(row, first: 8))
      }
    }
  }

  package func extendRecordings(_ commands: [StoreSegments]) async throws -> [StoredSegments?] {
    let segments = commands.flatMap(\.segments)
    let places = commands.enumerated().flatMap { place, command in
      Array(repeating: Int64(place + 1), count: command.segments.count)
    }
    return try await run(
      Statements.extendRecordings,
      [
        .textArray(commands.map(\.key.user.rawValue)), .textArray(commands.map(\.key.conversation.rawValue)),
        .textArray(commands.map(\.key.session.rawValue)), .int64Array(commands.map { Int64($0.key.generation) }),
        .int64Array(commands.map { Int64($0.segments[0].index) }),
        .int64Array(commands.map { Int64($0.segments.count) }),
        .int64Array(commands.map { $0.segments.map(\.duration_ms).sum }),
        .int64Array(commands.map { $0.segments.map(\.charge_ms).sum }),
        .int64Array(commands.map(\.receivedTime.microseconds)), .int64Array(places),
        .int64Array(segments.map { Int64($0.index) }), .bytesArray(segments.map(\.content)),
        .bytesArray(segments.map(\.digest)), .int64Array(segments.map(\.duration_ms)),
        .int64Array(segments.map { $0.recordTime?.microseconds ?? 0 }), .int64(Conversation.Limits.session_ms),
      ], mayRepeat: true
    ) { result in
      guard let row = result.first else { return commands.map { _ in nil } }
      let extended = Set(try row.optionalInt64Array(0) ?? [])
      return commands.enumerated().map { place, command in
        guard extended.contains(Int64(place + 1)), let last = command.segments.last else { return nil }
        return StoredSegments(
          generation: command.key.generation, state: .recording,
          durable: DurableSegments(through: last.index, later: []),
          verdicts: command.segments.map { _ in .stored }, isDue: false, quota: nil)
      }
    }
  }

  package func endRecording(
    _ key: VoiceSessionKey, gapPatience_ms: Int64, now: Timestamp
  ) async throws -> EndedRecording? {
    try await run(
      Statements.endRecording,
      Self.parameters(of: key) + [.int64(gapPatience_ms), .timestamp(now.microseconds)], mayRepeat: true
    ) { result in
      try result.first.map { row in
        EndedRecording(
          generation: try row.int(0), state: try stored(row.string(1)), durable: try DurableSegments(row, first: 2),
          isDue: try row.bool(5))
      }
    }
  }

  package func claimSegments(_ claim: ClaimSegments) async throws -> ClaimedSegments {
    try await run(
      Statements.claimSegments,
      [
        .text(claim.server.rawValue), .bool(claim.alone), .int64(claim.duration_ms), .int64(Int64(claim.limit)),
        .timestamp(claim.now.microseconds), .int64(Conversation.Limits.lossPause_ms),
        .textArray(claim.busy.map(\.rawValue)), .text(claim.after?.rawValue ?? ""), .int64(Int64(Limits.claimedUsers)),
        .int64(Int64(claim.limit + Limits.claimSpare)),
      ], mayRepeat: false
    ) { result in
      let next = try result.first.map { try $0.string(12) } ?? ""
      let segments = try result.map { row in
        ClaimedSegment(
          lease: SegmentLease(
            key: try VoiceSessionKey(row), index: try row.int(4), number: try row.int64(5)),
          recording: Recording(
            bytes: try row.optionalBytes(11) ?? [],
            declaredFormat: try row.optionalString(8).map { try stored($0) }, duration_ms: try row.int64(9)),
          attempts: try row.int(6), failures: try row.int(7),
          storeTime: Timestamp(microseconds: try row.timestamp_us(10)))
      }
      return ClaimedSegments(segments: segments, next: next.isEmpty ? nil : UserID(next))
    }
  }

  package func renewSegments(server: ServerID, leases: [SegmentLease], duration_ms: Int64) async throws {
    if leases.isEmpty { return }
    try await run(
      Statements.renewSegments,
      [
        .text(server.rawValue), .textArray(leases.map(\.key.user.rawValue)),
        .textArray(leases.map(\.key.conversation.rawValue)), .textArray(leases.map(\.key.session.rawValue)),
        .int64Array(leases.map { Int64($0.key.generation) }), .int64Array(leases.map { Int64($0.index) }),
        .int64Array(leases.map(\.number)), .int64(duration_ms),
      ], mayRepeat: true
    ) { _ in }
  }

  package func endRecognition(_ end: RecognitionEnd) async throws -> Bool {
    var transcript: String?
    var failure: TranscriptionFailureReason?
    var backoff_ms: Int64?
    switch end.result {
    case .recognised(let text): transcript = text
    case .failed(let reason, let pause_ms): (failure, backoff_ms) = (reason, pause_ms)
    }
    return try await run(
      Statements.completeSegment,
      Self.parameters(of: end.lease.key) + [
        .int64(Int64(end.lease.index)), .int64(end.lease.number), .optional(transcript, PostgreSQLValue.text),
        .optional(failure?.rawValue, PostgreSQLValue.text), .optional(backoff_ms, PostgreSQLValue.int64),
        .text(end.recognizer), .timestamp(end.now.microseconds),
      ], mayRepeat: true
    ) { result in
      try result.accepted().row.optionalBool(1) ?? false
    }
  }

  package func dueSessions(now: Timestamp, limit: Int) async throws -> [VoiceSessionKey] {
    try await run(
      Statements.dueVoiceSessions, [.timestamp(now.microseconds), .int64(Int64(limit))], kind: .read, mayRepeat: true
    ) { result in
      try result.map { row in try VoiceSessionKey(row) }
    }
  }

  package func finishSession(_ command: FinishSession) async throws -> FinishedSession? {
    try await run(
      Statements.finishVoiceSession,
      Self.parameters(of: command.key) + [
        .text(command.message.rawValue), .text(command.turn.rawValue), .text(command.lease.server.rawValue),
        .int64(command.lease.duration_ms), .timestamp(command.now.microseconds),
        .int64Array([
          command.abandonment_ms, command.gapPatience_ms, command.audioRetention_ms, command.failedAudioRetention_ms,
          command.servingSince.microseconds,
        ]), Self.contextMessages, .bool(command.engineIsMissing),
      ], mayRepeat: true
    ) { result in
      let (row, outcome) = try result.accepted()
      guard outcome == .ok else { return nil }
      let answer = TurnAnswer(row)
      return FinishedSession(events: try answer.events, leased: try answer.leased)
    }
  }

  package func retryTranscription(_ key: VoiceSessionKey, now: Timestamp) async throws -> VoiceSessionState {
    try await run(
      Statements.retryTranscription,
      Self.parameters(of: key) + [
        quotaLimits, .timestamp(now.microseconds), .int64(Limits.recognitionPatience_ms),
      ], mayRepeat: true
    ) { result in
      try stored(result.accepted().row.string(1))
    }
  }

  package func voiceSession(_ key: VoiceSessionKey) async throws -> VoiceSessionRecord {
    try await run(Statements.voiceSession, Self.parameters(of: key), kind: .read, mayRepeat: true) { result in
      let row = try result.accepted().row
      return VoiceSessionRecord(
        id: key.session, generation: try row.int(1), state: try stored(row.string(2)),
        durable: try DurableSegments(row, first: 3), message: try row.optionalString(6).map { MessageID($0) },
        duration_ms: try row.int64(7))
    }
  }

  package func failedSessions(limit: Int) async throws -> [VoiceSessionKey] {
    try await run(Statements.failedVoiceSessions, [.int64(Int64(limit))], kind: .read, mayRepeat: true) { result in
      try result.map { row in try VoiceSessionKey(row) }
    }
  }

  package func armFeedback(
    _ key: VoiceSessionKey, delay_ms: Int64, now: Timestamp
  ) async throws -> ArmedFeedback? {
    try await run(
      Statements.armFeedback,
      [
        .text(key.user.rawValue), .text(key.conversation.rawValue), .text(key.session.rawValue), .int64(delay_ms),
        .timestamp(now.microseconds),
      ], mayRepeat: true
    ) { result in
      let row = try result.accepted().row
      guard let wait_ms = try row.optionalInt64(2) else { return nil }
      return ArmedFeedback(
        generation: try row.int(1), wait_ms: wait_ms, time: Timestamp(microseconds: try row.timestamp_us(3)))
    }
  }

  package func fireFeedback(_ key: VoiceSessionKey, armed: Timestamp, now: Timestamp) async throws -> Bool {
    // Not repeated when its answer is lost: better no word than two.
    try await run(
      Statements.fireFeedback,
      Self.parameters(of: key) + [.timestamp(armed.microseconds), .timestamp(now.microseconds)], mayRepeat: false
    ) { result in
      try result.first?.bool(0) ?? false
    }
  }

  package func admitTranscription(user: UserID, speech_ms: Int64, now: Timestamp) async throws {
    try await run(
      Statements.admitTranscription,
      [
        .text(user.rawValue), .int64(speech_ms), .int64(Int64(Conversation.Limits.transcriptionCalls)),
        .int64(Conversation.Limits.transcription_ms), .timestamp(now.microseconds),
      ], mayRepeat: false
    ) { result in
      let (row, outcome) = try result.accepted()
      if outcome == .rateLimited { throw ConversationError.rateLimited(retryAfter_ms: try row.int64(1)) }
    }
  }

  private static func parameters(of key: VoiceSessionKey) -> [PostgreSQLValue] {
    [
      .text(key.user.rawValue), .text(key.conversation.rawValue), .text(key.session.rawValue),
      .int64(Int64(key.generation)),
    ]
  }
}

extension [Int64] {
  fileprivate var sum: Int64 { reduce(0, +) }
}

extension VoiceSessionKey {
  /// The first four columns.
  fileprivate init(_ row: PostgreSQLRow) throws(PostgreSQLError) {
    self.init(
      user: UserID(try row.string(0)), conversation: ConversationID(try row.string(1)),
      session: VoiceSessionID(try row.string(2)), generation: try row.int(3))
  }
}

extension DurableSegments {
  /// - Parameter first: the column with `durable_through`; lower and upper bounds of the later ranges follow.
  fileprivate init(_ row: PostgreSQLRow, first: Int) throws(PostgreSQLError) {
    let lower = try row.optionalInt32Array(first + 1) ?? []
    let upper = try row.optionalInt32Array(first + 2) ?? []
    guard lower.count == upper.count, zip(lower, upper).allSatisfy({ $0 <= $1 }) else {
      throw PostgreSQLError(kind: .decoding, message: "the ranges of durable segments are damaged")
    }
    self.init(through: try row.int(first), later: zip(lower, upper).map { Int($0)..<Int($1) })
  }
}

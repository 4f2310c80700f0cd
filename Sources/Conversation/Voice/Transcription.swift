extension VoiceSessions {
  /// What a recording says; nothing of it is stored (Transcribe). At most `Limits.transcriptionCalls` calls and
  /// `Limits.transcription_ms` of speech per user and hour.
  /// - Parameters:
  ///   - duration_ms: as the client measured it; 0: not said.
  ///   - arrived_bytes: as `stream` has it.
  ///   - next: gives the recording's parts, `nil` at the end.
  package func transcribe(
    _ user: UserID, format: AudioContainer?, duration_ms: Int64, arrived_bytes: @escaping @Sendable () -> Int = { 0 },
    next: @Sendable () async throws -> [UInt8]?
  ) async throws -> String {
    guard (0...Limits.transcription_ms).contains(duration_ms) else {
      throw ConversationError.fieldInvalid(
        field: "config.duration", description: "must be 0 s..\(Limits.transcription_ms / 1_000) s")
    }
    guard workers.hasRecognizer else { throw ConversationError.engineMissing }
    var bytes: [UInt8] = []
    var held_bytes = 0
    defer { assembledAudio.release(held_bytes, of: user) }
    var patience = PartPatience(arrived_bytes: arrived_bytes())
    while let part = try await self.part(next, &patience, { [held_bytes] in max(arrived_bytes(), held_bytes) }) {
      guard part.count <= Limits.segmentPart_bytes, bytes.count + part.count <= Limits.segment_bytes else {
        throw ConversationError.fieldInvalid(
          field: "content",
          description: "must have at most \(Limits.segmentPart_bytes) bytes a part and \(Limits.segment_bytes) in all")
      }
      guard try await assembledAudio.reserve(part.count, for: user, patience_ms: Limits.memoryPatience_ms) else {
        throw ConversationError.overloaded("too many recordings at once")
      }
      held_bytes += part.count
      bytes += part
    }
    guard !bytes.isEmpty else { throw ConversationError.fieldInvalid(field: "content", description: "is empty") }
    let charge_ms = max(duration_ms, Int64(bytes.count) * 1_000 / Limits.assumedAudio_bytesPerSecond)
    try await store.admitTranscription(
      user: user, speech_ms: min(charge_ms, Limits.transcription_ms), now: now)
    do {
      return try await workers.transcribe(
        Recording(bytes: bytes, declaredFormat: format, duration_ms: duration_ms))
    } catch let error as SpeechRecognitionError {
      if case .invalidAudio(let what) = error {
        throw ConversationError.fieldInvalid(field: "content", description: "is no audio that can be read: \(what)")
      }
      throw ConversationError.recognitionFailed("\(error)")
    } catch is TimedOut {
      throw ConversationError.recognitionFailed("it took too long")
    }
  }

  private func part(
    _ next: @Sendable () async throws -> [UInt8]?, _ patience: inout PartPatience,
    _ arrived_bytes: @escaping @Sendable () -> Int
  ) async throws -> [UInt8]? {
    do {
      return try await patience.next(next, arrived_bytes: arrived_bytes)
    } catch is TimedOut {
      throw ConversationError.fieldInvalid(field: "content", description: "did not come in time")
    }
  }
}

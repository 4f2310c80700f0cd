/// What a client says first.
package struct AudioCall: Sendable {
  package var conversation: String
  package var session: String
  package var kind: AudioKind
  package var format: AudioContainer?
  /// Arms the listening feedback.
  package var recordingStarted: Bool
  /// When the caller's token ends; `nil`: never.
  package var expires: Timestamp?

  package init(
    conversation: String, session: String, kind: AudioKind, format: AudioContainer?, recordingStarted: Bool,
    expires: Timestamp?
  ) {
    self.conversation = conversation
    self.session = session
    self.kind = kind
    self.format = format
    self.recordingStarted = recordingStarted
    self.expires = expires
  }
}

/// What a segment is answered with: one answer each, in the order of their coming, after the commit.
package struct AudioAnswer: Sendable, Equatable {
  package var durable: DurableSegments
  package var isDuplicate = false
  /// The segment's index, and why it was not stored.
  package var refusal: (index: Int, reason: SegmentRefusal)?
  package var state: VoiceSessionState?
  package var quota: QuotaSnapshot?

  package static func == (left: Self, right: Self) -> Bool {
    left.durable == right.durable && left.isDuplicate == right.isDuplicate
      && left.refusal?.index == right.refusal?.index && left.refusal?.reason == right.refusal?.reason
      && left.state == right.state && left.quota == right.quota
  }
}

/// One StreamAudio call: reads segments, stores what has come with one statement at a time, answers.
///
/// Of a stream that breaks off, what was received is stored all the same.
final class AudioStream: Sendable {
  let key: VoiceSessionKey
  private let call: AudioCall
  private let id: String
  private let sessions: VoiceSessions
  private let queue = SegmentQueue()

  init(key: VoiceSessionKey, call: AudioCall, id: String, sessions: VoiceSessions) {
    self.key = key
    self.call = call
    self.id = id
    self.sessions = sessions
  }

  /// Takes nothing more in; what was received is answered first.
  func end(_ reason: ConversationError) { queue.close(reason) }

  /// Returns when the client has ended the stream and everything is answered.
  func run(
    arrived_bytes: @escaping @Sendable () -> Int, next: @escaping @Sendable () async throws -> AudioPart?,
    answer: @escaping @Sendable (AudioAnswer) async throws -> Void
  ) async throws {
    enum Ended: Sendable { case reading, storing, waiting }
    do {
      try await withThrowingTaskGroup(of: Ended.self) { group in
        group.addTask {
          try await self.read(next, arrived_bytes: arrived_bytes)
          return .reading
        }
        group.addTask {
          try await self.store(answer)
          return .storing
        }
        if let expires = call.expires {
          group.addTask {
            try await Task.sleep(
              for: .microseconds(max(0, expires.microseconds - self.sessions.clock.machineTime().microseconds)))
            self.queue.close(.tokenExpired)
            return .waiting
          }
        }
        if call.recordingStarted {
          group.addTask {
            try await self.sessions.giveFeedback(self.key)
            return .waiting
          }
        }
        defer { group.cancelAll() }
        while let ended = try await group.next(), ended != .storing {}
      }
    } catch {
      // The budget of what is stored in the background is given back there.
      sessions.keep(queue.abandon(), of: self)
      throw error
    }
  }

  private func read(
    _ next: @Sendable () async throws -> AudioPart?, arrived_bytes: @escaping @Sendable () -> Int
  ) async throws {
    var assembler = SegmentAssembler(kind: call.kind)
    // Of the segment that is being put together.
    var patience: PartPatience?
    // What the segment holds that is being put together.
    var held_bytes = 0
    defer { if held_bytes > 0 { sessions.assembledAudio.release(held_bytes, of: key.user) } }
    while true {
      let part: AudioPart?
      do {
        if assembler.isAssembling {
          let assembled_bytes = assembler.assembled_bytes
          let progress = { @Sendable in max(arrived_bytes(), assembled_bytes) }
          patience = patience ?? PartPatience(arrived_bytes: progress())
          part = try await patience?.next(next, arrived_bytes: progress)
        } else {
          patience = nil
          part = try await next()
        }
      } catch is TimedOut {
        patience = nil
        if let lost = assembler.abandon(.fieldInvalid(field: "segment.part", description: "did not come in time")) {
          guard try await enqueue(lost) else { return }
        }
        _ = try await hold(0, &held_bytes)
        continue
      }
      guard let part else { break }
      var outcomes = assembler.add(part)
      if assembler.assembled_bytes > held_bytes, try await !hold(assembler.assembled_bytes, &held_bytes),
        let lost = assembler.abandon(.overloaded)
      {
        outcomes.append(lost)
      }
      for outcome in outcomes {
        guard try await enqueue(outcome) else { return }
      }
      _ = try await hold(assembler.assembled_bytes, &held_bytes)
    }
    if let lost = assembler.abandon(.fieldInvalid(field: "segment.part", description: "more parts were announced")) {
      guard try await enqueue(lost) else { return }
    }
    queue.close()
  }

  /// Makes what is held so many bytes; false, and nothing changes, when there is no room for more.
  private func hold(_ target_bytes: Int, _ held_bytes: inout Int) async throws -> Bool {
    let more_bytes = target_bytes - held_bytes
    if more_bytes < 0 {
      sessions.assembledAudio.release(-more_bytes, of: key.user)
    } else if more_bytes > 0 {
      guard
        try await sessions.assembledAudio.reserve(
          more_bytes, for: key.user, patience_ms: Limits.memoryPatience_ms)
      else { return false }
    }
    held_bytes = target_bytes
    return true
  }

  /// False when the stream takes nothing more.
  private func enqueue(_ outcome: SegmentAssembler.Outcome) async throws -> Bool {
    switch outcome {
    case .refused(let index, let refusal, let endsRecording):
      return try await queue.add(.refused(index: index, refusal, endsRecording: endsRecording))
    case .segment(let segment):
      let size_bytes = segment.content.count
      guard try await sessions.receivedAudio.reserve(size_bytes, for: key.user, patience_ms: Limits.memoryPatience_ms)
      else {
        return try await queue.add(.refused(index: segment.index, .overloaded))
      }
      do {
        let isTaken = try await queue.add(.segment(segment))
        if !isTaken { sessions.receivedAudio.release(size_bytes, of: key.user) }
        return isTaken
      } catch {
        sessions.receivedAudio.release(size_bytes, of: key.user)
        throw error
      }
    }
  }

  private func store(_ answer: @Sendable (AudioAnswer) async throws -> Void) async throws {
    var generation = 0
    var last = AudioAnswer(durable: DurableSegments(through: -1, later: []))
    while let entries = try await queue.take() {
      if case .refused(let index, let refusal, let endsRecording) = entries.first {
        if endsRecording, let ended = try await endRecording(generation: generation) {
          (last.state, last.durable) = (ended.state, ended.durable)
        }
        last.isDuplicate = false
        last.quota = nil
        last.refusal = (index, refusal)
        try await answer(last)
        queue.acknowledge(1)
        continue
      }
      let segments = entries.compactMap { if case .segment(let segment) = $0 { segment } else { nil } }
      let stored: StoredSegments
      do {
        let expected = last.durable.later.isEmpty ? last.durable.through + 1 : nil
        stored = try await commit(segments, generation: generation, expectedIndex: expected)
      } catch is CancellationError {
        sessions.keep(entries, of: self, generation: generation)
        throw CancellationError()
      } catch {
        sessions.release(entries, of: key.user)
        throw error
      }
      sessions.release(entries, of: key.user)
      generation = stored.generation
      for (segment, verdict) in zip(segments, stored.verdicts) {
        last = AudioAnswer(durable: stored.durable, state: stored.state, quota: stored.quota)
        last.isDuplicate = verdict == .duplicate
        last.refusal = SegmentRefusal(verdict).map { (segment.index, $0) }
        try await answer(last)
        queue.acknowledge(1)
      }
    }
  }

  /// - Parameter expectedIndex: of a recording without gaps, the one after what is durable.
  func commit(
    _ segments: [AudioSegment], generation: Int, expectedIndex: Int? = nil
  ) async throws -> StoredSegments {
    var key = key
    key.generation = generation
    return try await sessions.commit(segments, key: key, call: call, stream: id, expectedIndex: expectedIndex)
  }

  func endRecording(generation: Int) async throws -> EndedRecording? {
    var key = key
    key.generation = generation
    return try await sessions.endRecording(key)
  }
}

extension SegmentRefusal {
  init?(_ verdict: StoredSegments.Verdict) {
    switch verdict {
    case .stored, .duplicate: return nil
    case .conflict: self = .conflict
    case .full: self = .sessionFull
    case .finished: self = .sessionFinished
    case .beyondLast:
      self = .fieldInvalid(field: "segment.index", description: "is beyond the segment marked as the last one")
    }
  }
}

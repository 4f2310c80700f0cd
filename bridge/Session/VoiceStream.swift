import ConversationAPI
import DequeModule
import NIOCore
import RPC

/// One recording on its way to the service: a StreamAudio call, what waits for it, and what it has not confirmed yet.
///
/// `@unchecked Sendable`: touched on the socket's event loop only; its tasks run there, too.
final class VoiceStream: @unchecked Sendable {
  let session: String
  private let kind: ConversationV1.AudioKind
  private let conversation: String
  private let owner: BridgeSession
  /// The command it belongs to: an audio message.
  let command: CommandOrder.ID?

  private var isRecordingStarted: Bool
  private var waiting: Deque<ConversationV1.AudioSegment> = []
  /// Sent, in order; sent again when the call breaks.
  private var unconfirmed: Deque<ConversationV1.AudioSegment> = []
  /// Indices of this socket that are on their way or stored: what comes again is dropped in silence.
  private var known: Set<Int32> = []
  /// Segments that wait for the service to have room.
  private var postponed: Deque<ConversationV1.AudioSegment> = []
  private var wakeWriter: CheckedContinuation<Void, Never>?
  /// Takes no more segments: the next one of its session begins another call.
  private(set) var isFinished = false
  /// Waits until everything is confirmed.
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []
  /// The last segment was confirmed.
  private(set) var isComplete = false
  private var lastIndex: Int32?

  init(
    session: String, kind: ConversationV1.AudioKind, isRecordingStarted: Bool, command: CommandOrder.ID?,
    owner: BridgeSession
  ) {
    self.session = session
    self.kind = kind
    self.isRecordingStarted = isRecordingStarted
    self.command = command
    self.owner = owner
    conversation = owner.conversation
  }

  private var task: Task<Void, Never>?

  func start() { task = owner.launch { await self.run() } }

  /// Drops what was not confirmed.
  func cancel() { task?.cancel() }

  /// The person is still speaking, or what was said is not stored yet.
  var isRecording: Bool { !isComplete }

  var hasWork: Bool { !waiting.isEmpty || !unconfirmed.isEmpty || !postponed.isEmpty }

  // MARK: From the socket

  func knows(_ index: Int32) -> Bool { known.contains(index) }

  func add(_ segment: ClientFrame.Segment, content: [UInt8]) {
    known.insert(segment.index)
    if segment.isLast { lastIndex = segment.index }
    owner.audioWaits(content.count)
    waiting.append(
      ConversationV1.AudioSegment(
        index: segment.index, content: content, duration: GoogleProtobuf.Duration(.milliseconds(segment.duration_ms)),
        isLast: segment.isLast))
    wake()
  }

  /// Nothing more comes from this socket; the call ends when everything is confirmed.
  func finish() {
    isFinished = true
    wake()
  }

  /// Returns when all segments so far are confirmed or refused.
  func confirmed() async {
    guard hasWork else { return }
    await withCheckedContinuation { idleWaiters.append($0) }
  }

  func stopWaiting() { resumeIdle() }

  private func wake() {
    wakeWriter?.resume()
    wakeWriter = nil
  }

  // MARK: To the service

  /// Runs until the recording is finished or refused. A broken call is made again within the outage that a socket
  /// survives: segments are idempotent by index.
  private func run() async {
    var pause_ms = Limits.reconnect_ms
    let patience = ContinuousClock.now + .seconds(Limits.outage_s)
    while true {
      guard let error = await attempt() else { break }
      let mayTryAgain = error.kind == .away || error.kind == .credentials
      guard mayTryAgain, hasWork, !Task.isCancelled, ContinuousClock.now < patience else {
        if hasWork || !mayTryAgain { owner.voiceFailed(self, error) }
        break
      }
      if error.kind == .credentials { await owner.renewCredentials() }
      waiting = unconfirmed + waiting
      unconfirmed = []
      try? await Task.sleep(for: .milliseconds(pause_ms))
      pause_ms = min(pause_ms * 2, Limits.reconnectMaximum_ms)
    }
    owner.audioTaken((waiting + unconfirmed + postponed).reduce(0) { $0 + $1.content.count })
    postponed = []
    waiting = []
    unconfirmed = []
    resumeIdle()
    owner.voiceEnded(self)
  }

  /// One call; nil when it ended well.
  private func attempt() async -> ServiceError? {
    let call = owner.service.client.streamAudio(options: owner.callOptions())
    do {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await self.write(to: call) }
        group.addTask {
          while let response = try await call.next() { self.receive(response) }
          self.finish()
        }
        // Not waitForAll, which lets the other one go on after a failure.
        for try await _ in group {}
      }
      return hasWork ? ServiceError(Status(.unavailable, "the service ended the stream")) : nil
    } catch {
      return ServiceError(error)
    }
  }

  private func write(
    to call: ClientCall<ConversationV1.StreamAudioRequest, ConversationV1.StreamAudioResponse>
  ) async throws {
    try await call.write(
      .init(
        request: .config(
          .init(
            conversationID: conversation, voiceSessionID: session, format: .m4a, recordingStarted: isRecordingStarted,
            kind: kind))))
    isRecordingStarted = false
    while true {
      if unconfirmed.count < Limits.segmentsInFlight, let segment = waiting.popFirst() {
        unconfirmed.append(segment)
        try await write(segment, to: call)
      } else if isFinished, waiting.isEmpty, postponed.isEmpty {
        break
      } else {
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            if Task.isCancelled { continuation.resume() } else { wakeWriter = continuation }
          }
        } onCancel: {
          owner.loop.execute { self.wake() }
        }
        try Task.checkCancellation()
      }
    }
    call.finishWriting()
  }

  private func write(
    _ segment: ConversationV1.AudioSegment,
    to call: ClientCall<ConversationV1.StreamAudioRequest, ConversationV1.StreamAudioResponse>
  ) async throws {
    guard segment.content.count > Limits.audioPart_bytes else {
      return try await call.write(.init(request: .segment(segment)))
    }
    var offset = 0
    var part = segment
    while offset < segment.content.count {
      let end = min(offset + Limits.audioPart_bytes, segment.content.count)
      part.content = Array(segment.content[offset..<end])
      part.moreParts = end < segment.content.count
      try await call.write(.init(request: .segment(part)))
      part.part += 1
      offset = end
    }
  }

  /// The service answers each segment, in their order.
  private func receive(_ response: ConversationV1.StreamAudioResponse) {
    let answered = unconfirmed.popFirst()
    for rejection in response.rejected {
      let error = ServiceError(rejection.status)
      if error.kind == .away, let answered { return sendLater(answered) }
      if !error.isAboutStoredAudio { known.remove(rejection.index) }
      owner.segmentRefused(self, error)
    }
    if let answered { owner.audioTaken(answered.content.count) }
    if let lastIndex, response.durableThrough >= lastIndex { isComplete = true }
    owner.voiceConfirmed(self, response)
    if isComplete, !hasWork { isFinished = true }
    wake()
    if !hasWork { resumeIdle() }
  }

  /// The service has too much audio at once: the segment is sent again.
  private func sendLater(_ segment: ConversationV1.AudioSegment) {
    postponed.append(segment)
    owner.loop.scheduleTask(in: .milliseconds(Limits.overload_ms)) {
      guard let segment = self.postponed.popFirst() else { return }
      self.waiting.append(segment)
      self.wake()
    }
  }

  private func resumeIdle() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }
}

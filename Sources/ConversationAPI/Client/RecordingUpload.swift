import ConversationAPI
import DequeModule
import NIOCore
import RPC

/// One recording on its way to the service: a StreamAudio call, what waits for it, and what it has not confirmed yet.
///
/// `@unchecked Sendable`: touched on the socket's event loop only.
final class VoiceStream: CallReactor, @unchecked Sendable {
  let session: String
  private let kind: ConversationV1.AudioKind
  private let conversation: String
  private let owner: BridgeSession
  /// The command it belongs to: an audio message.
  let command: CommandOrder.ID?

  /// The feedback is to be armed, and no answer has shown that it is.
  private var isRecordingStarted: Bool
  private var waiting: Deque<ConversationV1.AudioSegment> = []
  /// Sent, in order; sent again when the call breaks.
  private var unconfirmed: Deque<ConversationV1.AudioSegment> = []
  /// Indices of this socket that are on their way or stored: what comes again is dropped in silence.
  private var known: Set<Int32> = []
  /// Segments that wait for the service to have room.
  private var postponed: Deque<ConversationV1.AudioSegment> = []
  /// The running call; nil before one begins again, and at the end.
  private var call: PolledCall<ConversationV1.StreamAudioRequest, ConversationV1.StreamAudioResponse>?
  private var isConfigured = false
  /// Bytes of the last unconfirmed segment that the call took already, in parts; 0: it has all.
  private var sent_bytes = 0
  /// The pause before the next call, and until when there may be one.
  private var pause_ms = Limits.reconnect_ms
  private let patience = NIODeadline.now() + .seconds(Limits.outage_s)
  /// Takes no more segments: the next one of its session begins another call.
  private(set) var isFinished = false
  /// Waits until everything is confirmed.
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []
  /// The last segment was confirmed.
  private(set) var isComplete = false
  private var lastIndex: Int32?
  private var isOver = false

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
    write()
  }

  /// Nothing more comes from this socket; the call ends when everything is confirmed.
  func finish() {
    isFinished = true
    write()
  }

  /// Returns when all segments so far are confirmed or refused.
  func confirmed() async {
    guard hasWork else { return }
    await withCheckedContinuation { idleWaiters.append($0) }
  }

  func stopWaiting() { resumeIdle() }

  // MARK: To the service

  /// Begins a call. A broken one is made again within the outage that a socket survives, as long as there is work:
  /// segments are idempotent by index.
  func start() {
    isConfigured = false
    sent_bytes = 0
    call = owner.service.client.streamAudio(options: owner.callOptions()).polled(by: self, on: owner.loop)
    write()
  }

  /// Drops what was not confirmed.
  func cancel() { end() }

  func callIsReady() {
    while let call {
      switch call.poll() {
      case .message(let response): receive(response)
      case .pending: return write()
      case .ended(let status): return ended(status)
      }
    }
  }

  private func ended(_ status: Status) {
    call = nil
    guard hasWork || !status.isOK else { return end() }
    let error = ServiceError(status.isOK ? Status(.unavailable, "the service ended the stream") : status)
    let mayTryAgain = error.kind == .away || error.kind == .credentials
    guard mayTryAgain, hasWork || (isRecordingStarted && !isFinished), .now() < patience else {
      if hasWork || !mayTryAgain { owner.voiceFailed(self, error) }
      return end()
    }
    waiting = unconfirmed + waiting
    unconfirmed = []
    let pause_ms = self.pause_ms
    self.pause_ms = min(pause_ms * 2, Limits.reconnectMaximum_ms)
    _ = owner.launch {
      if error.kind == .credentials { await self.owner.renewCredentials() }
      try? await Task.sleep(for: .milliseconds(pause_ms))
      if !self.isOver { self.start() }
    }
  }

  private func end() {
    guard !isOver else { return }
    isOver = true
    call?.cancel()
    call = nil
    owner.audioTaken((waiting + unconfirmed + postponed).reduce(0) { $0 + $1.content.count })
    postponed = []
    waiting = []
    unconfirmed = []
    resumeIdle()
    owner.voiceEnded(self)
  }

  /// Gives the call what it takes; `callIsReady` follows when it takes more.
  private func write() {
    guard let call else { return }
    if !isConfigured {
      let config = ConversationV1.AudioConfig(
        conversationID: conversation, voiceSessionID: session, format: .m4a, recordingStarted: isRecordingStarted,
        kind: kind)
      guard call.offer(.init(request: .config(config))) else { return }
      isConfigured = true
    }
    while writeNext(to: call) {}
    if isFinished, waiting.isEmpty, postponed.isEmpty, sent_bytes == 0 { call.finishWriting() }
  }

  /// The next segment, or the next part of a long one; false when there is none, or the call takes no more.
  private func writeNext(
    to call: PolledCall<ConversationV1.StreamAudioRequest, ConversationV1.StreamAudioResponse>
  ) -> Bool {
    let isBegun = sent_bytes > 0
    guard isBegun || unconfirmed.count < Limits.segmentsInFlight,
      let segment = isBegun ? unconfirmed.last : waiting.first
    else { return false }
    var part = segment
    var end = segment.content.count
    if end > Limits.audioPart_bytes {
      end = min(sent_bytes + Limits.audioPart_bytes, end)
      part.part = Int32(sent_bytes / Limits.audioPart_bytes)
      part.content = Array(segment.content[sent_bytes..<end])
      part.moreParts = end < segment.content.count
    }
    guard call.offer(.init(request: .segment(part))) else { return false }
    if !isBegun { unconfirmed.append(waiting.removeFirst()) }
    sent_bytes = part.moreParts ? end : 0
    return true
  }

  /// The service answers each segment, in their order.
  private func receive(_ response: ConversationV1.StreamAudioResponse) {
    isRecordingStarted = false
    let answered = unconfirmed.popFirst()
    // Refused before it was sent whole: nobody wants the rest.
    if unconfirmed.isEmpty { sent_bytes = 0 }
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
    write()
    if !hasWork { resumeIdle() }
  }

  /// The service has too much audio at once: the segment is sent again.
  private func sendLater(_ segment: ConversationV1.AudioSegment) {
    postponed.append(segment)
    owner.loop.scheduleTask(in: .milliseconds(Limits.overload_ms)) {
      guard let segment = self.postponed.popFirst() else { return }
      self.waiting.append(segment)
      self.write()
    }
  }

  private func resumeIdle() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }
}

import DequeModule
package import NIOCore
package import RPC

/// Whose recording it is, and who hears of it: on the upload's loop.
package protocol RecordingUploadOwner: AnyObject {
  func callOptions(timeout_s: Int64?) -> CallOptions
  /// The token of the call was refused; another call follows.
  func renewCredentials() async
  func uploadAnswered(_ upload: RecordingUpload, _ response: ConversationV1.StreamAudioResponse)
  /// One segment will not be stored; the recording goes on.
  func segmentRefused(_ upload: RecordingUpload, _ status: Status)
  /// So many bytes of audio need not be kept any longer.
  func audioTaken(_ count_bytes: Int)
  /// The service refused the recording, or was away for too long. `uploadEnded` follows.
  func uploadFailed(_ upload: RecordingUpload, _ status: Status)
  /// Nothing more is said of it.
  func uploadEnded(_ upload: RecordingUpload)
}

/// One recording on its way to the service, until all of it is durable: a StreamAudio call, made again when it breaks,
/// what waits for it, and what it has not confirmed yet. Segments are idempotent by index.
///
/// `@unchecked Sendable`: touched on its loop only.
package final class RecordingUpload: CallReactor, @unchecked Sendable {
  /// Bytes of audio in one message (AudioSegment.content); a longer segment goes in parts.
  package static let part_bytes = 1 << 20
  /// Segments on their way: as many as the service takes unacknowledged.
  private static let segmentsInFlight = 8
  /// Pause before a segment is sent again that the service had no room for.
  private static let overload = TimeAmount.milliseconds(200)

  package let session: String
  /// The owner's own mark.
  package let tag: UInt32?
  private let kind: ConversationV1.AudioKind
  private let conversation: String
  private let client: ConversationV1.ConversationServiceClient
  private let owner: any RecordingUploadOwner
  private let loop: any EventLoop

  /// The feedback is to be armed, and no answer has shown that it is.
  private var isRecordingStarted: Bool
  private var waiting: Deque<ConversationV1.AudioSegment> = []
  /// Sent, in order; sent again when the call breaks.
  private var unconfirmed: Deque<ConversationV1.AudioSegment> = []
  /// Indices that are on their way or stored.
  private var known: Set<Int32> = []
  /// Segments that wait for the service to have room.
  private var postponed: Deque<ConversationV1.AudioSegment> = []
  /// The running call; nil before one begins again, and at the end.
  private var call: PolledCall<ConversationV1.StreamAudioRequest, ConversationV1.StreamAudioResponse>?
  private var isConfigured = false
  /// Bytes of the last unconfirmed segment that the call took already, in parts; 0: it has all.
  private var sent_bytes = 0
  private var reconnection: Reconnection
  private var callBegan = NIODeadline.now()
  /// Takes no more segments: the next one of its session needs another upload.
  package private(set) var isFinished = false
  /// Waits until everything is confirmed.
  private var idleWaiters: [CheckedContinuation<Void, Never>] = []
  /// The last segment is durable, and all before it.
  package private(set) var isComplete = false
  private var lastIndex: Int32?
  private var isOver = false

  /// - Parameters:
  ///   - patience: how long the service may be away.
  ///   - loop: where everything happens.
  package init(
    session: String, of conversation: String, kind: ConversationV1.AudioKind, isRecordingStarted: Bool,
    tag: UInt32? = nil, by client: ConversationV1.ConversationServiceClient, patience: TimeAmount,
    owner: any RecordingUploadOwner, on loop: any EventLoop
  ) {
    self.session = session
    self.conversation = conversation
    self.kind = kind
    self.isRecordingStarted = isRecordingStarted
    self.tag = tag
    self.client = client
    self.owner = owner
    self.loop = loop
    reconnection = Reconnection(patience: patience)
  }

  private var hasWork: Bool { !waiting.isEmpty || !unconfirmed.isEmpty || !postponed.isEmpty }

  // MARK: From the owner

  /// The segment is on its way or stored.
  package func knows(_ index: Int32) -> Bool { known.contains(index) }

  package func add(_ segment: ConversationV1.AudioSegment) {
    known.insert(segment.index)
    if segment.isLast { lastIndex = segment.index }
    waiting.append(segment)
    write()
  }

  /// Nothing more will be added; the call ends when everything is confirmed.
  package func finish() {
    isFinished = true
    write()
  }

  /// Returns when all segments so far are confirmed or refused.
  package func confirmed() async {
    guard hasWork else { return }
    await withCheckedContinuation { idleWaiters.append($0) }
  }

  /// `confirmed` returns.
  package func stopWaiting() {
    for waiter in idleWaiters { waiter.resume() }
    idleWaiters = []
  }

  /// Drops what was not confirmed.
  package func cancel() { end() }

  // MARK: To the service

  /// Begins a call.
  package func start() {
    isConfigured = false
    sent_bytes = 0
    callBegan = .now()
    call = client.streamAudio(options: owner.callOptions(timeout_s: nil)).polled(by: self, on: loop)
    write()
  }

  package func callIsReady() {
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
    let status = status.isOK ? Status(.unavailable, "the service ended the stream") : status
    // Nothing is answered while nobody speaks: a call that lived for so long shows that the service was there.
    if .now() - callBegan > reconnection.patience { reconnection.answered() }
    let mayTryAgain = status.isPassing || status.isTokenRefused
    guard mayTryAgain, hasWork || (isRecordingStarted && !isFinished), let pause = reconnection.nextPause() else {
      if hasWork || !mayTryAgain { owner.uploadFailed(self, status) }
      return end()
    }
    waiting = unconfirmed + waiting
    unconfirmed = []
    _ = LoopTasks.begin(on: loop) {
      if status.isTokenRefused { await self.owner.renewCredentials() }
      try? await Task.sleep(for: .nanoseconds(pause.nanoseconds))
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
    stopWaiting()
    owner.uploadEnded(self)
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
    guard isBegun || unconfirmed.count < Self.segmentsInFlight,
      let segment = isBegun ? unconfirmed.last : waiting.first
    else { return false }
    var part = segment
    var end = segment.content.count
    if end > Self.part_bytes {
      end = min(sent_bytes + Self.part_bytes, end)
      part.part = Int32(sent_bytes / Self.part_bytes)
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
    reconnection.answered()
    let answered = unconfirmed.popFirst()
    // Refused before it was sent whole: nobody wants the rest.
    if unconfirmed.isEmpty { sent_bytes = 0 }
    for rejection in response.rejected {
      let status = Status(rejection.status)
      if status.isPassing, let answered { return sendLater(answered) }
      if !status.isAboutStoredAudio { known.remove(rejection.index) }
      owner.segmentRefused(self, status)
    }
    if let answered { owner.audioTaken(answered.content.count) }
    if let lastIndex, response.durableThrough >= lastIndex { isComplete = true }
    owner.uploadAnswered(self, response)
    if isComplete, !hasWork { isFinished = true }
    write()
    if !hasWork { stopWaiting() }
  }

  /// The service has too much audio at once: the segment is sent again.
  private func sendLater(_ segment: ConversationV1.AudioSegment) {
    postponed.append(segment)
    loop.scheduleTask(in: Self.overload) {
      guard let segment = self.postponed.popFirst() else { return }
      self.waiting.append(segment)
      self.write()
    }
  }
}

import ConversationAPI
import JSON
import NIOCore
import RPC
import TimeText
import WebSocket

/// Follows the conversation until the socket closes; connects again where it stopped when the service goes away for less
/// than the phone is kept (design §7, Connect). No task waits meanwhile: a socket that is silent costs no more than its
/// objects.
extension BridgeSession: CallReactor {
  func beginEvents() {
    events.position = request.after ?? 0
    events.epoch = request.epoch
    if request.after == nil { events.redelivery = Redelivery(now: .now()) }
    follow()
  }

  /// Begins a Connect call.
  private func follow() {
    guard mayFollow else { return }
    stream = service.client.connect(connectRequest(), options: callOptions()).polled(by: self, on: loop)
    callIsReady()
  }

  private var mayFollow: Bool { phase == .connecting || phase == .open }

  /// Takes events while there is room for their frames; during a wait for the phone none, until it has taken enough.
  func callIsReady() {
    while mayFollow, !isWaitingForOutput, let stream {
      guard !isOutputFull else { return waitForOutput() }
      switch stream.poll() {
      case .message(let event):
        receive(event)
        if events.isStale, mayFollow { return followAgain(after: Status(.unavailable, "the stream has a gap")) }
      case .pending: return
      case .ended(let status):
        return followAgain(after: status.isOK ? Status(.unavailable, "the stream ended") : status)
      }
    }
  }

  private func waitForOutput() {
    isWaitingForOutput = true
    events.waits += 1
    if let progress = connection?.outputProgress, progress.waiting_bytes > Limits.output_bytes {
      watch(wait: events.waits, since: progress)
    }
  }

  /// A phone that takes nothing at all while events wait is stuck: it comes back when it can.
  private func watch(wait: Int, since earlier: OutputProgress) {
    loop.scheduleTask(in: .seconds(Limits.stuck_s)) {
      guard self.isWaitingForOutput, self.events.waits == wait, let progress = self.connection?.outputProgress,
        progress.waiting_bytes > 0
      else { return }
      if progress.isBeyond(earlier) { self.watch(wait: wait, since: progress) } else { self.close(.tryAgainLater) }
    }
  }

  /// The phone took something.
  func resumeEvents() {
    guard isWaitingForOutput, !isOutputFull else { return }
    isWaitingForOutput = false
    callIsReady()
  }

  func endEvents() {
    stream?.cancel()
    stream = nil
    isWaitingForOutput = false
  }

  private func connectRequest() -> ConversationV1.ConnectRequest {
    events.isStale = false
    var resume = ConversationV1.Resume(logEpoch: events.epoch)
    if request.after == nil, !events.hasReplayed {
      resume.position = .fromAcknowledged(true)
      events.position = 0
      events.redelivery = Redelivery(now: .now())
    } else {
      resume.position = .afterSequence(events.position)
    }
    let speech = request.speechFormat.map { ConversationV1.SpeechOptions(format: $0, voice: request.voice) }
    return ConversationV1.ConnectRequest(
      conversationID: conversation, intent: events.isWelcomed ? .observe : .interactive, resume: resume,
      deviceID: request.device ?? "", speech: speech)
  }

  /// Decides what the end of a Connect call means: another one after a pause, or the end of the socket.
  private func followAgain(after status: Status) {
    endEvents()
    let error = ServiceError(status)
    switch error.kind {
    case .refused(let text): return leave(text, code: error.code)
    case .command where error.code == "FIELD_INVALID": return leave(Text.failed, code: error.code)
    case .command, .away, .credentials: break
    }
    if error.code == ErrorCode.unavailable, events.isTooSlow { return close(.tryAgainLater) }
    guard let pause = events.reconnection.nextPause() else { return sendAway() }
    _ = launch {
      if error.kind == .credentials { await self.renewCredentials() }
      try? await Task.sleep(for: .nanoseconds(pause.nanoseconds))
      self.follow()
    }
  }

  /// The service refuses this phone: `connect` comes first even then.
  private func leave(_ text: String, code: String) {
    if phase == .connecting { send(writer.frame(.connect) { $0.member("status", "connected") }) }
    refuse(text, code: code)
  }
}

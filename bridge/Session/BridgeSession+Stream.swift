import ConversationAPI
import NIOCore
import RPC
import WebSocket

extension BridgeSession {
  /// Follows the conversation until the socket closes; connects again where it stopped when the service goes away for
  /// less than the phone is kept (design §7, Connect).
  func runEvents() async {
    events.position = request.after ?? 0
    events.epoch = request.epoch
    if request.after == nil { events.redelivery = Redelivery(now: .now()) }
    var pause_ms = Limits.reconnect_ms
    while !isOver, phase != .closing {
      let wasConnected = events.outage == nil && phase == .open
      let error = await follow()
      guard !isOver, phase != .closing else { return }
      if wasConnected || events.outage == nil { pause_ms = Limits.reconnect_ms }
      guard await mayFollowAgain(after: error) else { return }
      try? await Task.sleep(for: .milliseconds(pause_ms))
      pause_ms = min(pause_ms * 2, Limits.reconnectMaximum_ms)
    }
  }

  /// One Connect call; returns why it ended.
  private func follow() async -> ServiceError {
    let stream = service.client.connect(connectRequest(), options: callOptions())
    do {
      for try await event in stream {
        receive(event)
        if events.isStale { break }
        if isOutputFull { await waitForOutput() }
      }
      return ServiceError(Status(.unavailable, "the stream ended"))
    } catch {
      return ServiceError(error)
    }
  }

  private func waitForOutput() async {
    events.waits += 1
    if let buffered = connection?.bufferedByteCount, buffered > Limits.output_bytes {
      watchProgress(ofWait: events.waits, from: buffered)
    }
    await withCheckedContinuation { continuation in
      if isOver || !isOutputFull { continuation.resume() } else { wakeEvents = continuation }
    }
  }

  /// A phone that takes nothing at all while events wait is stuck: it comes back when it can. During one wait nothing
  /// but answers to its own frames is added to what it has to take.
  private func watchProgress(ofWait wait: Int, from buffered: Int) {
    loop.scheduleTask(in: .seconds(Limits.stuck_s)) {
      guard self.wakeEvents != nil, self.events.waits == wait, let left = self.connection?.bufferedByteCount, left > 0
      else { return }
      if left >= buffered { self.close(.tryAgainLater) } else { self.watchProgress(ofWait: wait, from: left) }
    }
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

  /// Decides what the end of a Connect call means; false: the socket closes.
  private func mayFollowAgain(after error: ServiceError) async -> Bool {
    switch error.kind {
    case .refused(let text):
      leave(text, code: error.code)
      return false
    case .credentials:
      await renewCredentials()
    case .command where error.code == "FIELD_INVALID":
      leave(Text.failed, code: error.code)
      return false
    case .command, .away:
      break
    }
    if error.code == ErrorCode.unavailable, events.isTooSlow {
      close(.tryAgainLater)
      return false
    }
    let since = events.outage ?? .now
    events.outage = since
    guard ContinuousClock.now - since < .seconds(Limits.outage_s) else {
      sendAway()
      return false
    }
    return true
  }

  /// The service refuses this phone: `connect` comes first even then.
  private func leave(_ text: String, code: String) {
    if phase == .connecting { send(writer.frame(.connect) { $0.member("status", "connected") }) }
    refuse(text, code: code)
  }
}

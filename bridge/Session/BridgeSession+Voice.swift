import ConversationAPI
import JSON
import Logging
import RPC

/// Recordings: one upload each.
extension BridgeSession: RecordingUploadOwner {
  func recordingStarted(_ session: String) {
    // The feedback is armed once for each recording.
    guard voice(session) == nil else { return }
    open(session, isRecordingStarted: true)
  }

  func audioSegment(_ session: String, _ segment: ClientFrame.Segment) {
    let voice = voice(session)
    guard let content = segment.content else {
      if voice?.knows(segment.index) != true { send(writer.error(Text.audioFailed, code: ErrorCode.frameInvalid)) }
      return
    }
    if segment.isLast { unheard = unheard.filter { $0 != session }.suffix(Limits.voiceSessions - 1) + [session] }
    add(segment, content, to: voice ?? open(session, isRecordingStarted: false))
  }

  private func add(_ segment: ClientFrame.Segment, _ content: [UInt8], to voice: RecordingUpload) {
    audioWaits(content.count)
    voice.add(
      .init(
        index: segment.index, content: content, duration: .init(.milliseconds(segment.duration_ms)),
        isLast: segment.isLast))
  }

  /// The recording has become a message, or never will.
  func heard(_ session: String) {
    unheard.removeAll { $0 == session }
  }

  private func voice(_ session: String) -> RecordingUpload? {
    guard let index = voices.firstIndex(where: { $0.session == session && !$0.isFinished }) else { return nil }
    // The last one is the one heard most recently.
    let voice = voices.remove(at: index)
    voices.append(voice)
    return voice
  }

  @discardableResult
  private func open(
    _ session: String, kind: ConversationV1.AudioKind = .segmented, isRecordingStarted: Bool,
    command: CommandOrder.ID? = nil
  ) -> RecordingUpload {
    let live = voices.filter { !$0.isFinished }
    if live.count >= Limits.voiceSessions { live.first?.finish() }
    let voice = RecordingUpload(
      session: session, of: conversation, kind: kind, isRecordingStarted: isRecordingStarted, tag: command,
      by: service.client, patience: Limits.outage, owner: self, on: loop)
    voices.append(voice)
    voice.start()
    return voice
  }

  func sendAudioMessage(_ id: CommandOrder.ID, _ session: String, _ content: [UInt8], duration_s: Int64) async {
    let voice = open(session, kind: .wholeMessage, isRecordingStarted: false, command: id)
    add(.init(index: 0, duration_ms: duration_s * 1000, isLast: true), content, to: voice)
    voice.finish()
    await voice.confirmed()
    // The next command waits until this one is a message.
    guard !isOver, order.contains(id), !order.hasTurn(id) else { return }
    await withCheckedContinuation { wakeRecognition = (id, $0) }
  }

  /// The audio message has become a message, or cannot.
  func recognised(_ command: CommandOrder.ID) {
    guard let waiter = wakeRecognition, waiter.command == command else { return }
    wakeRecognition = nil
    waiter.continuation.resume()
  }

  // MARK: What the service says

  func uploadAnswered(_ voice: RecordingUpload, _ response: ConversationV1.StreamAudioResponse) {
    if response.state != .recording, response.state != .transcribing { heard(voice.session) }
    guard isVersion2, voice.tag == nil else { return }
    send(
      writer.frame(.audioAck, capacity: 256) { data in
        data.member("voice_session_id", voice.session)
        data.member("durable_through", response.durableThrough)
        data.array("durable", response.durable) { $0.integer($1) }
        data.array("missing", response.missing) { $0.integer($1) }
        data.array("rejected", response.rejected) { writer, rejection in
          let error = ServiceError(Status(rejection.status))
          writer.object {
            $0.member("index", rejection.index)
            $0.member("code", error.code)
            $0.member("message", error.isQuota ? error.text : Text.audioFailed)
          }
        }
        data.member("duplicate", response.duplicate)
        data.member("state", response.state.frameName)
      })
    if let quota = response.quota { sendQuota(quota) }
  }

  func segmentRefused(_ voice: RecordingUpload, _ status: Status) {
    let error = ServiceError(status)
    heard(voice.session)
    // Of what is stored already phones are told nothing.
    if voice.tag != nil || error.isQuota || (!isVersion2 && !status.isAboutStoredAudio) {
      tellVoice(error, voice)
    }
  }

  func uploadFailed(_ voice: RecordingUpload, _ status: Status) {
    let error = ServiceError(status)
    observer.logger.debug("a recording was not taken", metadata: ["reason": "\(error.code)"])
    heard(voice.session)
    tellVoice(error, voice, isWholeRecording: true)
  }

  func uploadEnded(_ voice: RecordingUpload) {
    voices.removeAll { $0 === voice }
  }

  private func tellVoice(_ error: ServiceError, _ voice: RecordingUpload, isWholeRecording: Bool = false) {
    let command = voice.tag
    var text = Text.audioFailed
    switch error.kind {
    case .refused(let reason): return isOver ? () : refuse(reason, code: error.code)
    case .command(let quota) where error.isQuota: text = quota
    case .away, .credentials: text = Text.failed
    case .command where error.code == "FIELD_INVALID" && isWholeRecording && command == nil: text = Text.failed
    case .command: break
    }
    guard let command else {
      return send(writer.error(text, code: error.code) { $0.member("voice_session_id", voice.session) })
    }
    put(OutgoingFrame(bytes: writer.error(text, code: error.code)), of: command)
    finish(command)
    recognised(command)
  }
}

extension ConversationV1.VoiceSessionState {
  fileprivate var frameName: String {
    switch self {
    case .transcribing: "transcribing"
    case .completed: "completed"
    case .failed: "failed"
    case .abandoned: "abandoned"
    default: "recording"
    }
  }
}

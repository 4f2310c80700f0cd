import JSON
import NIOCore

/// Reads what phones send: the order of the checks and their texts are LEGACY behaviour, row by row.
///
/// One pass finds and checks everything (`FrameFields`), audio is decoded straight from the frame's bytes.
struct FrameReader {
  /// Protocol 2: the members that the first protocol ignores count.
  var isVersion2: Bool

  func read(_ frame: ByteBuffer) -> ClientFrame {
    read(frame.readableBytesUInt8Span)
  }

  func read(_ bytes: Span<UInt8>) -> ClientFrame {
    guard let fields = try? FrameFields(bytes) else { return .refused(nil, text: Text.failed, isMalformed: true) }
    guard fields.type.kind == .string,
      let type = ClientFrameType.allCases.first(where: { FrameFields.matches(fields.type, $0.literal, bytes) }),
      type != .retry || isVersion2
    else { return .unknown }
    switch type {
    case .ping: return .ping
    case .endConversation: return .endConversation
    case .ttsCancel: return cancelSpeech(fields, bytes)
    case .text, .recordingStarted, .audioSegment, .audioMessage, .transcribeOnly, .retry: break
    }
    guard fields.data.kind == .object || fields.data.isAbsent else { return malformed(type) }
    switch type {
    case .text: return text(fields, bytes)
    case .recordingStarted: return recordingStarted(fields, bytes)
    case .audioSegment: return audioSegment(fields, bytes)
    case .audioMessage: return audioMessage(fields, bytes)
    case .transcribeOnly: return transcribe(fields, bytes)
    case .ping, .endConversation, .ttsCancel, .retry: return retry(fields, bytes)
    }
  }

  private func malformed(_ type: ClientFrameType) -> ClientFrame {
    .refused(type, text: Text.failed, isMalformed: true)
  }

  private func text(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    let token = fields[.text]
    if PythonRules.isFalsy(token, bytes) { return .empty(.text) }
    guard token.kind == .string else { return malformed(.text) }
    let said = JSONText(token, in: bytes)
    guard !said.hasLoneSurrogate else { return malformed(.text) }
    var isBlank = true
    for scalar in said.text.unicodeScalars {
      if scalar == "\0" { return malformed(.text) }
      if isBlank, !scalar.properties.isWhitespace { isBlank = false }
    }
    if isBlank { return .empty(.text) }
    guard isVersion2 else { return .text(text: said.text, clientMessageID: nil, chipID: "") }
    guard let message = identifier(fields[.clientMessageID], bytes, limit: Limits.clientMessageID_characters),
      let chip = identifier(fields[.chipID], bytes, limit: Limits.clientMessageID_characters)
    else { return malformed(.text) }
    return .text(text: said.text, clientMessageID: message.isEmpty ? nil : message, chipID: chip)
  }

  private func recordingStarted(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    switch PythonRules.identifier(fields[.voiceSessionID], bytes) {
    case .value(let session): .recordingStarted(session: session)
    case .unusable: malformed(.recordingStarted)
    case .absent, .blank: .refused(.recordingStarted, text: Text.voiceSessionMissing, isMalformed: false)
    }
  }

  private func audioSegment(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    func refused(_ text: String) -> ClientFrame { .refused(.audioSegment, text: text, isMalformed: false) }

    let audio = fields[.audioBase64]
    let hasAudio = !PythonRules.isFalsy(audio, bytes)
    guard let duration_s = seconds(fields[.duration], bytes), !hasAudio || audio.kind == .string else {
      return malformed(.audioSegment)
    }
    var session = PythonRules.identifier(fields[.voiceSessionID], bytes)
    if session == .absent { session = self.session(ofSegment: fields[.clientSegmentID], bytes) }
    if session == .unusable { return malformed(.audioSegment) }
    guard case .value(let session) = session else { return refused(Text.segmentSessionMissing) }
    guard hasAudio else { return refused(Text.audioMissing) }
    let index = fields[.segmentIndex]
    if index.isAbsent || index.kind == .null { return refused(Text.indexMissing) }
    switch PythonRules.integer(index, bytes) {
    case .none: return refused(Text.indexNotInteger)
    case .overflow: return malformed(.audioSegment)
    case .value(..<0): return refused(Text.indexNegative)
    case .value((Limits.segmentIndex + 1)...): return refused(Text.indexNotInteger)
    case .value(let index):
      return .audioSegment(
        session: session,
        segment: .init(
          index: Int32(index), content: Base64.decode(audio, in: bytes), duration_ms: duration_s * 1000,
          isLast: !PythonRules.isFalsy(fields[.isLast], bytes)))
    }
  }

  /// The voice session that a segment's own id names: what stands before its last part.
  private func session(ofSegment token: JSONToken, _ bytes: Span<UInt8>) -> PythonRules.Identifier {
    guard token.kind == .string else { return .absent }
    let id = JSONText(token, in: bytes)
    guard let separator = id.text.unicodeScalars.lastIndex(where: { $0 == "-" || $0 == "_" || $0 == ":" }),
      separator != id.text.startIndex
    else { return .absent }
    guard !id.hasLoneSurrogate, !id.text.unicodeScalars.contains("\0") else { return .unusable }
    let head = PythonRules.trim(String(id.text[..<separator]))
    return head.isEmpty ? .blank : .value(head)
  }

  private func audioMessage(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    let audio = fields[.audioBase64]
    if PythonRules.isFalsy(audio, bytes) { return .empty(.audioMessage) }
    guard audio.kind == .string, let content = Base64.decode(audio, in: bytes) else {
      return .refused(.audioMessage, text: Text.audioFailed, isMalformed: false)
    }
    return .audioMessage(
      content: content, duration_s: seconds(fields[.duration], bytes) ?? 0,
      echo: PythonRules.echo(fields[.duration], bytes))
  }

  private func transcribe(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    let audio = fields[.audioBase64]
    if PythonRules.isFalsy(audio, bytes) {
      return .refused(.transcribeOnly, text: Text.audioMissing, isMalformed: false)
    }
    guard audio.kind == .string, let content = Base64.decode(audio, in: bytes) else {
      return .refused(.transcribeOnly, text: Text.transcriptionFailed, isMalformed: false)
    }
    return .transcribe(content: content)
  }

  private func cancelSpeech(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    guard isVersion2, fields.data.kind == .object else { return .cancelSpeech(turnID: "", heard_ms: nil) }
    let heard = fields[.heard]
    var heard_ms: Int64?
    if heard.kind == .integer || heard.kind == .float {
      heard_ms = Int64(max(0, min(PythonRules.number(heard, bytes), Double(Limits.duration_s))) * 1000)
    }
    var fromPiece: Int32 = 0
    if case .value(let index) = PythonRules.integer(fields[.heardFrom], bytes) {
      fromPiece = Int32(clamping: max(0, index))
    }
    return .cancelSpeech(
      turnID: identifier(fields[.turnID], bytes, limit: Limits.turnID_characters) ?? "", heard_ms: heard_ms,
      fromPiece: fromPiece)
  }

  private func retry(_ fields: FrameFields, _ bytes: Span<UInt8>) -> ClientFrame {
    if let turn = identifier(fields[.turnID], bytes, limit: Limits.turnID_characters), !turn.isEmpty {
      return .retryTurn(turnID: turn)
    }
    guard case .value(let session) = PythonRules.identifier(fields[.voiceSessionID], bytes) else {
      return malformed(.retry)
    }
    guard case .value(let generation) = PythonRules.integer(fields[.generation], bytes) else {
      return malformed(.retry)
    }
    return .retryTranscription(session: session, generation: Int32(clamping: generation))
  }

  /// A string of protocol 2: "" when it is absent or null, nil when it is none.
  private func identifier(_ token: JSONToken, _ bytes: Span<UInt8>, limit: Int) -> String? {
    if token.isAbsent || token.kind == .null { return "" }
    guard token.kind == .string else { return nil }
    let id = JSONText(token, in: bytes)
    guard !id.hasLoneSurrogate, id.text.unicodeScalars.count <= limit, !id.text.unicodeScalars.contains("\0") else {
      return nil
    }
    return id.text
  }

  /// `int(duration or 0)`, not negative; nil where that fails.
  private func seconds(_ token: JSONToken, _ bytes: Span<UInt8>) -> Int64? {
    if PythonRules.isFalsy(token, bytes) { return 0 }
    guard case .value(let seconds) = PythonRules.integer(token, bytes) else { return nil }
    return Int64(max(0, min(seconds, Limits.duration_s)))
  }
}

extension ClientFrameType {
  fileprivate var literal: StaticString {
    switch self {
    case .text: "text"
    case .recordingStarted: "recording_started"
    case .audioSegment: "audio_segment"
    case .audioMessage: "audio_message"
    case .transcribeOnly: "transcribe_only"
    case .ttsCancel: "tts_cancel"
    case .endConversation: "end_conversation"
    case .ping: "ping"
    case .retry: "retry"
    }
  }
}

import ConversationAPI
import JSON
import NIOCore
import TimeText

/// Writes server frames of one socket: members in the original's order, and not one more than the protocol has.
struct FrameWriter {
  /// `,"conversation_id":"…"`, written once.
  private let conversation: String
  let isVersion2: Bool

  init(conversation: String, isVersion2: Bool) {
    var writer = JSONWriter(ByteBuffer())
    writer.string(conversation)
    self.conversation = ",\"conversation_id\":" + String(buffer: writer.buffer)
    self.isVersion2 = isVersion2
  }

  /// Where a frame stands in the conversation's log (protocol 2).
  struct Origin {
    var sequence: Int64
    var epoch: String
    /// Of the event; absent: now.
    var time: UTCTime?
  }

  func frame(
    _ type: ServerFrameType, _ origin: Origin? = nil, capacity: Int = 0, _ data: (inout JSONWriter) -> Void = { _ in }
  ) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(160 + conversation.utf8.count + capacity)
    buffer.writeStaticString("{\"type\":\"")
    buffer.writeString(type.rawValue)
    buffer.writeStaticString("\"")
    var writer = JSONWriter(buffer)
    buffer = ByteBuffer()
    if type == .error { writer.raw("") } else { writer.raw(conversation) }
    if isVersion2, let origin, origin.sequence > 0 {
      writer.member("seq", origin.sequence)
      writer.member("log_epoch", origin.epoch)
    }
    writer.object("data", data)
    writer.member("timestamp", ((isVersion2 ? origin?.time : nil) ?? .now()).frameText)
    writer.end()
    return writer.buffer
  }

  /// `code` is for protocol 2, but for the one that the first protocol has. `origin`: of the event that it shows.
  func error(
    _ message: String, code: String, at origin: Origin? = nil, _ more: (inout JSONWriter) -> Void = { _ in }
  ) -> ByteBuffer {
    frame(.error, origin) { data in
      data.member("message", message)
      if isVersion2 || code == ErrorCode.quotaExceeded { data.member("code", code) }
      if isVersion2 { more(&data) }
    }
  }
}

extension JSONWriter {
  mutating func quota(_ quota: ConversationV1.QuotaStatus) {
    member("turns_limit", quota.turnsLimit)
    member("turns_used", quota.turnsUsed)
    member("turns_remaining", quota.turnsRemaining)
    member("speech_limit", json: (quota.speechLimit?.duration ?? .zero).secondsText)
    member("speech_used", json: (quota.speechUsed?.duration ?? .zero).secondsText)
    member("speech_remaining", json: (quota.speechRemaining?.duration ?? .zero).secondsText)
    if let reset = quota.resetTime?.unixMicroseconds {
      member("reset_time", UTCTime(unixMicroseconds: reset).frameText)
    }
    member("warning", quota.warning)
  }
}

extension UTCTime {
  /// As phones read it: `2026-05-07T15:39:33.123456+00:00`.
  var frameText: String { text(fractionDigits: 6, zone: "+00:00") }
}

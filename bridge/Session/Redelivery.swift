import ConversationAPI
import TimeText

/// What a phone that does not know its position gets again: pieces of the interviewer's last messages that were never
/// confirmed, nobody answered, and are not old (LEGACY §3.5). A value; bounded by the messages it keeps.
struct Redelivery {
  private var messages: [[ConversationV1.ConversationEvent]] = []
  /// Microseconds since 1970.
  private let oldest: Int64

  init(now: UTCTime) {
    oldest = now.unixMicroseconds - Limits.redeliveredAge_s * 1_000_000
  }

  /// An event of the replay.
  mutating func add(_ event: ConversationV1.ConversationEvent) {
    switch event.event {
    case .userMessage: messages = []
    case .agentMessage(let piece):
      guard event.createTime?.unixMicroseconds ?? 0 >= oldest else { return }
      if case .agentMessage(let last)? = messages.last?.last?.event, last.messageID == piece.messageID {
        messages[messages.count - 1].append(event)
      } else {
        messages.append([event])
        if messages.count > Limits.redeliveredMessages { messages.removeFirst() }
      }
    default: break
    }
  }

  /// The replay has ended.
  consuming func events() -> [ConversationV1.ConversationEvent] { messages.flatMap { $0 } }
}

import Conversation
import FoundationEssentials

/// What servers tell one another: `{"s":"server","c":[["conversation",head],…]}`, or `{"s":"server","m":true}` for
/// "look everywhere", or `{"s":"server","f":["conversation","session","text"]}` for a listening feedback, or
/// `{"s":"server","u":"user"}` for a user who was erased. At most `Limits.notificationBytes` long.
struct HintMessage: Equatable {
  var server: ServerID
  /// More has grown than is listed.
  var isIncomplete = false
  var hints: [ConversationHint] = []
  var feedback: ListeningFeedback?
  var erased: UserID?

  /// `nil`: not such a message.
  init?(payload: String) {
    guard let stored = try? JSONDecoder().decode(Stored.self, from: Data(payload.utf8)) else { return nil }
    server = ServerID(stored.s)
    isIncomplete = stored.m ?? false
    erased = stored.u.map { UserID($0) }
    if let words = stored.f, words.count == 3 {
      feedback = ListeningFeedback(
        conversation: ConversationID(words[0]), session: VoiceSessionID(words[1]), text: words[2])
    }
    hints = (stored.c ?? []).map { ConversationHint(conversation: ConversationID($0.conversation), head: $0.head) }
  }

  /// The payloads for these hints: as few as the size limit allows, the last one a "look everywhere" when they would
  /// be more than `Limits.notificationsPerStatement` or when `isIncomplete`.
  static func payloads(server: ServerID, hints: [ConversationHint], isIncomplete: Bool) -> [String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    func text(_ value: some Encodable) -> String? {
      (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) }
    }
    guard let name = text(server.rawValue) else { return [] }
    var isIncomplete = isIncomplete
    var payloads: [String] = []
    var entries = ""
    let frameBytes = name.utf8.count + 16
    for hint in hints {
      guard payloads.count < Limits.notificationsPerStatement - 2, let id = text(hint.conversation.rawValue),
        id.utf8.count + 32 + frameBytes < Limits.notificationBytes
      else {
        isIncomplete = true
        continue
      }
      let entry = "[\(id),\(hint.head)]"
      if !entries.isEmpty, frameBytes + entries.utf8.count + entry.utf8.count + 1 > Limits.notificationBytes {
        payloads.append("{\"s\":\(name),\"c\":[\(entries)]}")
        entries = ""
      }
      entries += entries.isEmpty ? entry : "," + entry
    }
    if !entries.isEmpty { payloads.append("{\"s\":\(name),\"c\":[\(entries)]}") }
    if isIncomplete { payloads.append("{\"s\":\(name),\"m\":true}") }
    return payloads
  }

  /// `nil`: it is too long to be sent.
  static func payload(server: ServerID, feedback: ListeningFeedback) -> String? {
    let stored = Feedback(
      s: server.rawValue, f: [feedback.conversation.rawValue, feedback.session.rawValue, feedback.text])
    guard let data = try? JSONEncoder().encode(stored), data.count < Limits.notificationBytes else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  /// `nil`: it is too long to be sent.
  static func payload(server: ServerID, erased user: UserID) -> String? {
    guard let data = try? JSONEncoder().encode(Erasure(s: server.rawValue, u: user.rawValue)),
      data.count < Limits.notificationBytes
    else { return nil }
    return String(decoding: data, as: UTF8.self)
  }

  private struct Feedback: Encodable {
    var s: String
    var f: [String]
  }

  private struct Erasure: Encodable {
    var s: String
    var u: String
  }

  private struct Stored: Decodable {
    var s: String
    var f: [String]?
    var u: String?
    var c: [Entry]?
    var m: Bool?
  }

  private struct Entry: Decodable {
    var conversation: String
    var head: Int64

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      conversation = try list.decode(String.self)
      head = try list.decode(Int64.self)
    }
  }
}

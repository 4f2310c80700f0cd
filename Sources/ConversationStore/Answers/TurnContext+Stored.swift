import Conversation
import Interview
import PostgreSQL

extension TurnContext {
  /// How many columns a context has.
  static let columnCount = 14

  /// - Parameter first: the column `nickname`; the others follow as in the type `lifeecho.turn_answer`.
  init(_ row: PostgreSQLRow, first: Int) throws(PostgreSQLError) {
    var profile = Profile(
      nickname: try row.optionalString(first), birthYear: try row.optionalInt(first + 1),
      birthPlace: try row.optionalString(first + 2), grewUpPlace: try row.optionalString(first + 3),
      occupation: try row.optionalString(first + 4))
    for field in try row.stringArray(first + 5) {
      if let field = ProfileField(rawValue: field) { profile.declined.insert(field) }
    }
    var history: [DialogueMessage] = []
    if !row.isNull(first + 11) {
      let texts = try row.stringArray(first + 11)
      history = zip(try row.boolArray(first + 10), texts).reversed().map { agent, text in
        // An interrupted reply is what was heard of it, marked (see the migration `speech`).
        agent && text.utf8.first == 1
          ? DialogueMessage(.agent, String(text.unicodeScalars.dropFirst()), isInterrupted: true)
          : DialogueMessage(agent ? .agent : .user, text)
      }
    }
    self.init(
      profile: profile, timeZone: try row.string(first + 6), interviewState: try row.string(first + 7),
      interviewVersion: try row.int64(first + 8), stage: try row.string(first + 9), history: history,
      lastMessageTime: try row.optionalTimestamp_us(first + 12).map(Timestamp.init(microseconds:)),
      turnOrdinal: try row.int(first + 13))
  }
}

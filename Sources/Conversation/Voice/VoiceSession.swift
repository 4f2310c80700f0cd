/// Names one recording of one user.
package struct VoiceSessionKey: Sendable, Hashable {
  package var user: UserID
  package var conversation: ConversationID
  package var session: VoiceSessionID
  /// From 1; 0 in questions: the newest.
  package var generation: Int

  package init(user: UserID, conversation: ConversationID, session: VoiceSessionID, generation: Int) {
    self.user = user
    self.conversation = conversation
    self.session = session
    self.generation = generation
  }
}

/// Where a voice session is; the raw value is stored.
package enum VoiceSessionState: String, Sendable {
  /// Its last segment is not known.
  case recording
  case transcribing
  /// It became a user message, with a turn.
  case completed
  /// Nothing was recognised; RetryTranscription may help.
  case failed
  /// The speaker left; what was said is a message for the memoir, without a turn.
  case abandoned
}

/// What a voice session is.
package enum AudioKind: String, Sendable {
  case segmented
  /// One recording: index 0, the last one.
  case wholeMessage = "whole_message"
}

/// Which segments of a session are durable.
package struct DurableSegments: Sendable, Equatable {
  /// Every one up to this index; −1: none.
  package var through: Int
  /// The others, in order, apart from each other and from `through`; the end of a long list is left out.
  package var later: [Range<Int>]

  package init(through: Int, later: [Range<Int>]) {
    self.through = through
    self.later = later
  }

  /// Those beyond `through`, the lowest `limit` of them.
  package func beyond(limit: Int = Limits.listedSegments) -> [Int] {
    Array(later.lazy.joined().prefix(limit))
  }

  /// Those below a durable one, the lowest `limit` of them.
  package func missing(limit: Int = Limits.listedSegments) -> [Int] {
    var found: [Int] = []
    var next = through + 1
    for range in later {
      found += (next..<range.lowerBound).prefix(limit - found.count)
      if found.count == limit { break }
      next = range.upperBound
    }
    return found
  }
}

package struct VoiceSessionRecord: Sendable, Equatable {
  package var id: VoiceSessionID
  package var generation: Int
  package var state: VoiceSessionState
  package var durable: DurableSegments
  package var message: MessageID?
  /// As the client measured it.
  package var duration_ms: Int64

  package init(
    id: VoiceSessionID, generation: Int, state: VoiceSessionState, durable: DurableSegments, message: MessageID?,
    duration_ms: Int64
  ) {
    self.id = id
    self.generation = generation
    self.state = state
    self.durable = durable
    self.message = message
    self.duration_ms = duration_ms
  }
}

package import Interview

/// A provisioned person.
package struct UserRecord: Sendable, Equatable {
  package var id: UserID
  package var profile: Profile
  package var tier: Tier
  /// IANA name.
  package var timeZone: String
  package var createTime: Timestamp
  package var updateTime: Timestamp

  package init(
    id: UserID, profile: Profile, tier: Tier, timeZone: String, createTime: Timestamp, updateTime: Timestamp
  ) {
    self.id = id
    self.profile = profile
    self.tier = tier
    self.timeZone = timeZone
    self.createTime = createTime
    self.updateTime = updateTime
  }
}

/// Fields to create a user with, or to change; `nil` leaves the stored value.
package struct UserChange: Sendable, Equatable {
  package var id: UserID
  package var nickname: String?
  package var birthYear: Int?
  package var birthPlace: String?
  package var grewUpPlace: String?
  package var occupation: String?
  package var declined: Set<ProfileField>?
  package var tier: Tier?
  package var timeZone: String?

  package init(id: UserID) { self.id = id }
}

package enum ConversationStatus: String, Sendable, Codable { case active, ended }

package struct ConversationRecord: Sendable, Equatable {
  package var id: ConversationID
  package var status: ConversationStatus
  package var stage: String
  package var headSequence: Int64
  package var logEpoch: String
  package var createTime: Timestamp
  package var lastMessageTime: Timestamp?
  package var endTime: Timestamp?
  package var messageCount: Int64

  package init(
    id: ConversationID, status: ConversationStatus, stage: String, headSequence: Int64, logEpoch: String,
    createTime: Timestamp, lastMessageTime: Timestamp?, endTime: Timestamp?, messageCount: Int64
  ) {
    self.id = id
    self.status = status
    self.stage = stage
    self.headSequence = headSequence
    self.logEpoch = logEpoch
    self.createTime = createTime
    self.lastMessageTime = lastMessageTime
    self.endTime = endTime
    self.messageCount = messageCount
  }
}

package struct MessageRecord: Sendable, Equatable {
  package var id: MessageID
  /// Of its (first) event.
  package var sequence: Int64
  package var role: DialogueMessage.Role
  package var source: MessageSource
  /// The pieces of a reply; a user's message is one piece.
  package var pieces: [String]
  package var turn: TurnID?
  package var createTime: Timestamp
  package var chipID: String?
  /// Of a spoken message.
  package var voiceSession: VoiceSessionID?
  /// Of a reply whose speech was interrupted at a known position.
  package var heardText: String?

  package init(
    id: MessageID, sequence: Int64, role: DialogueMessage.Role, source: MessageSource, pieces: [String], turn: TurnID?,
    createTime: Timestamp, chipID: String?, heardText: String? = nil, voiceSession: VoiceSessionID? = nil
  ) {
    self.id = id
    self.sequence = sequence
    self.role = role
    self.source = source
    self.pieces = pieces
    self.turn = turn
    self.createTime = createTime
    self.chipID = chipID
    self.heardText = heardText
    self.voiceSession = voiceSession
  }
}

/// How a turn stands, for waiters and retries.
package struct TurnRecord: Sendable, Equatable {
  package var id: TurnID
  package var kind: TurnKind
  package var state: TurnState
  package var attempt: Int
  /// The last event of an ended turn (TurnCompleted or TurnFailed); `nil` while it runs.
  package var endSequence: Int64?
  package var failure: TurnFailureReason?
  /// The reply of a completed turn.
  package var replyID: MessageID?
  package var replyPieces: [String]

  package init(
    id: TurnID, kind: TurnKind, state: TurnState, attempt: Int, endSequence: Int64?, failure: TurnFailureReason?,
    replyID: MessageID?, replyPieces: [String]
  ) {
    self.id = id
    self.kind = kind
    self.state = state
    self.attempt = attempt
    self.endSequence = endSequence
    self.failure = failure
    self.replyID = replyID
    self.replyPieces = replyPieces
  }
}

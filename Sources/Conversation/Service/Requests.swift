/// The arguments of the service's calls, as they came: checked by the service, which names the field.
package struct SendText: Sendable {
  package var conversation: String
  package var text: String
  package var request: String
  package var chip: String
  package var clientTime: Timestamp?

  package init(conversation: String, text: String, request: String, chip: String, clientTime: Timestamp?) {
    self.conversation = conversation
    self.text = text
    self.request = request
    self.chip = chip
    self.clientTime = clientTime
  }
}

/// When SendText answers.
package enum ReplyMode: Sendable, Equatable {
  case acknowledge
  /// When the turn has ended, or at `deadline`.
  case wait(deadline: ContinuousClock.Instant?)
}

package struct SentText: Sendable {
  package var message: MessageID
  package var turn: TurnID
  package var sequence: Int64
  package var duplicate: Bool
  package var state: TurnState
  package var quota: QuotaSnapshot
  /// With `.wait`: what the interviewer said.
  package var replies: [AgentPiece]
  package var failure: TurnFailureReason?
}

package struct Connect: Sendable {
  package enum Resume: Sendable {
    case live
    case after(sequence: Int64, epoch: String)
    case fromAcknowledged(epoch: String)
  }

  package var conversation: String
  package var interactive: Bool
  package var resume: Resume
  package var device: String
  package var untilTurn: String
  /// When the caller's token ends.
  package var expires: Timestamp?
  /// Replies are to be read aloud.
  package var speech: Speech?

  package struct Speech: Sendable {
    package var format: String
    package var voice: String

    package init(format: String, voice: String) {
      self.format = format
      self.voice = voice
    }
  }

  package init(
    conversation: String, interactive: Bool, resume: Resume, device: String, untilTurn: String, expires: Timestamp?,
    speech: Speech? = nil
  ) {
    self.conversation = conversation
    self.interactive = interactive
    self.resume = resume
    self.device = device
    self.untilTurn = untilTurn
    self.expires = expires
    self.speech = speech
  }
}

package struct Page<Item: Sendable>: Sendable {
  package var items: [Item]
  /// "": the last page.
  package var nextToken: String
}

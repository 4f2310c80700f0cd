import Conversation

/// The domain's types whose names the contract uses too: inside extensions of the contract's types, the short name
/// means the contract's.
enum Domain {
  typealias Timestamp = Conversation.Timestamp
  typealias TurnKind = Conversation.TurnKind
  typealias TurnState = Conversation.TurnState
  typealias MessageSource = Conversation.MessageSource
  typealias VoiceSessionState = Conversation.VoiceSessionState
}

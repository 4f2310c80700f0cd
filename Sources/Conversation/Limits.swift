/// Every bound of this module: number, reason, source.
package enum Limits {
  /// Characters of a conversation id; the bridge takes ids from URLs (LEGACY protocol §1), so any text, but a short one.
  package static let conversationIDCharacters = 256
  /// Bytes of a user id: what a token's `sub` may have.
  package static let userIDBytes = 256
  /// Characters of a device id.
  package static let deviceIDCharacters = 128
  package static let nicknameCharacters = 64
  package static let profileFieldCharacters = 128
  package static let birthYears = 1850...2100

  /// Messages a reply is based on (design §7, SendText).
  package static let contextMessages = 40
  /// Events fetched with one read of a replay; a page of usual messages is about 30 KiB.
  package static let replayPage = 64
  package static let conversationsPageDefault = 20
  package static let conversationsPageMaximum = 100
  package static let messagesPageDefault = 50
  package static let messagesPageMaximum = 200

  /// Live Connect streams of one server; memory: 24 KiB each (design §10).
  package static let subscribers = 200_000
  /// How long a gap in the live events may stay before the log is read: another command's answer is under way.
  package static let gapPatience_ms = 20

  /// Turns that this server has leased and not finished: more are refused as overload before anything is stored.
  package static let openTurns = 10_000
  /// Turns that ask the chat model at the same time.
  package static let concurrentModelCalls = 64
  /// Runs of one turn, counting those of servers that died in it; then it fails.
  package static let turnAttempts = 5
  /// New plans for one reply because another server changed the interview state meanwhile; on this one, a user's
  /// replies are committed one after the other.
  package static let statePlans = 20
  /// Bytes of a chat model's reply; three spoken pieces are below 1 KiB.
  package static let replyBytes = 16 << 10
  /// Tries to store the end of a turn; they span about as long as a lease.
  package static let storeAttempts = 8
  /// Turns taken over by one claim.
  package static let claimBatch = 32
  /// Conversations asked about in one look for new heads.
  package static let headsBatch = 500
}

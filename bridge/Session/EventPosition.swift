import ConversationAPI

/// How far a socket has followed the conversation's log.
struct EventPosition {
  /// The last event taken.
  var position: Int64 = 0
  var epoch = ""
  /// Until the first replay has ended.
  var isReplaying = true
  /// What a phone without a position gets again; nil when it has one, or when the replay has ended.
  var redelivery: Redelivery?
  var hasReplayed = false
  /// The first replay brought something.
  var hasNews = false
  /// Chips were shown, or somebody spoke: another connection to the service need not greet.
  var isWelcomed = false
  var isTurnRunning = false
  private(set) var lastTurn = ""
  /// The stream has a gap: it must be made again.
  var isStale = false
  /// A heartbeat named events that have not come: the position it found, to be sure of it the next time.
  var suspected: Int64 = -1
  var reconnection = Reconnection(patience: Limits.outage)
  /// How often the phone had to be waited for.
  var waits = 0
  /// The service ended the stream because the phone reads too slowly.
  var isTooSlow = false

  mutating func turnEnded(_ turn: String) {
    isTurnRunning = false
    lastTurn = turn
  }
}

package import Interview

/// What a Connect stream delivers: the log's events and the moments around it.
package indirect enum LiveEvent: Sendable, Equatable {
  case durable(DurableEvent)
  case connected(Connected)
  case replayCompleted(head: Int64)
  case heartbeat(head: Int64)
  case goAway(reason: GoAwayReason, reconnectDelay_ms: Int64)
  case suggestions(Suggestions)
}

package struct Connected: Sendable, Equatable {
  package var head: Int64
  package var recovered: Bool
  package var heartbeatInterval_ms: Int64
  package var quota: QuotaSnapshot
  package var created: Bool
}

package struct Suggestions: Sendable, Equatable {
  package enum Reason: Sendable { case opening, reGreeting, resume, turn }
  package var reason: Reason
  package var stage: String
  package var chips: [Chip]
}

package enum GoAwayReason: String, Sendable {
  case draining = "DRAINING"
  case slowConsumer = "SLOW_CONSUMER"
}

/// Why a subscription ends from the server's side.
package enum SubscriptionEnd: Sendable, Equatable {
  case slowConsumer
  case draining
  case conversationDeleted
  case userErased
  case tokenExpired
}

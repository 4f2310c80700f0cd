/// Switches of the domain and the times of the turn engine (design §7, §9).
package struct ConversationSettings: Sendable {
  package var chipsEnabled = true
  package var chipsMaximum = 4
  package var reGreetingEnabled = true
  /// Idle time after which a person is greeted again.
  package var reGreetingIdle_s = 6 * 3600
  package var heartbeatInterval_ms: Int64 = 25_000
  /// What a subscriber may lag behind before it is told to come again (design §7, Connect).
  package var subscriberEvents = 256
  package var subscriberBytes = 1 << 20
  /// How long a lease lasts without renewal.
  package var lease_ms: Int64 = 15_000
  package var leaseRenewal_ms: Int64 = 5_000
  /// How often turns of dead servers are looked for.
  package var claimInterval_ms: Int64 = 5_000
  /// How often the database is asked for its time, and, beside that, for erasures that somebody left unfinished.
  package var choresInterval_ms: Int64 = 10_000
  /// How often old idempotency records and audio are removed.
  package var pruneInterval_ms: Int64 = 3_600_000
  /// How often other servers' news is looked for; 0: never, nobody else uses the database.
  package var headsInterval_ms: Int64 = 0
  /// Whole time for one reply of the chat model, retries included.
  package var replyTimeout_ms: Int64 = 60_000
  /// The same for a greeting; then the built-in template speaks (design §7).
  package var greetingTimeout_ms: Int64 = 3_000
  /// A WAIT answers so long before its deadline, to reach the client in time.
  package var waitMargin_ms: Int64 = 200
  /// The longest WAIT of a call without a deadline.
  package var waitMaximum_ms: Int64 = 120_000

  /// Clients of a draining server come back spread over this time.
  package var reconnectSpread_ms: Int64 = 5_000

  package init() {}

  /// A random part of `reconnectSpread_ms`, at least a tenth of a second.
  var reconnectDelay_ms: Int64 { Int64.random(in: 100...max(100, reconnectSpread_ms)) }
}

/// Takes a conversation's live events in order, reading the log where an event was not offered (another server
/// committed it, or its publisher is late or died).
struct LiveReader {
  let subscription: Subscription
  let store: any Store
  private var fetched: [DurableEvent] = []
  private var position = 0

  init(subscription: Subscription, store: any Store) {
    self.subscription = subscription
    self.store = store
  }

  /// The next event. Throws the reason for the end as `ConversationError`, or `CancellationError`.
  mutating func next() async throws -> Subscription.Taken {
    var patient = true
    while true {
      if position < fetched.count {
        defer { position += 1 }
        subscription.advance(to: fetched[position].sequence)
        return .durable(fetched[position])
      }
      switch try await subscription.next() {
      case .deliver(let taken):
        return taken
      case .gap where patient:
        patient = false
        try await Task.sleep(for: .milliseconds(Limits.gapPatience_ms))
      case .gap(let after, let through):
        fetched = try await store.events(
          user: subscription.user, conversation: subscription.conversation, after: after, through: through,
          limit: Limits.replayPage)
        position = 0
        // Nothing there: the head was a hint from a server whose commit is not visible here yet.
        if fetched.isEmpty { patient = true }
      case .end(let reason):
        throw ConversationError(reason)
      }
    }
  }
}

extension ConversationError {
  init(_ end: SubscriptionEnd) {
    self =
      switch end {
      case .slowConsumer: .slowConsumer
      case .draining: .draining
      case .conversationDeleted: .conversationDeleted
      case .userErased: .userUnknown
      case .tokenExpired: .tokenExpired
      }
  }
}

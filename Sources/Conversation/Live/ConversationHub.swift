import Synchronization

/// The live subscriptions of this server, by conversation. Whoever has committed events publishes them here; other
/// servers get a hint.
///
/// Calls come from any thread and never wait. `tick` is called regularly by `Maintenance`.
package final class ConversationHub: Sendable {
  private let state = Mutex(State())
  private let notifier: any Notifier

  private let bounds: Subscription.Bounds

  package init(notifier: any Notifier, bounds: Subscription.Bounds = .init(events: 256, size_bytes: 1 << 20)) {
    self.notifier = notifier
    self.bounds = bounds
  }

  private struct State {
    var live: [ConversationID: [Subscription]] = [:]
    var count = 0
    var streams = UserStreams()
    /// Heartbeats are spread over the ring by the time of connecting: a tick visits one bucket.
    var ring: [[ObjectIdentifier: Subscription]] = Array(repeating: [:], count: ConversationHub.ringSize)
    var position = 0
    /// By the second in which the token ends.
    var expiring: [Int64: [ObjectIdentifier: Subscription]] = [:]
    var nextExpiry_s = Int64.max
    var isDraining = false
  }

  /// Ticks in one heartbeat interval.
  package static let ringSize = 25

  /// From now on, what is published is kept for the subscription. Throws `.draining`, `.overloaded` or `.tooManyStreams`.
  /// - Parameter outlastsDrain: for a call that waits for a turn: it ends with `endWaits`.
  package func subscribe(
    user: UserID, conversation: ConversationID, expires: Timestamp?, speech: SpeechRenderer? = nil,
    outlastsDrain: Bool = false
  ) throws(ConversationError) -> Subscription {
    let subscription = Subscription(
      user: user, conversation: conversation, bounds: bounds, expiry_s: expires?.roundedUp_s, speech: speech,
      outlastsDrain: outlastsDrain)
    speech?.attach { [weak subscription] in subscription?.speechIsReady() }
    let refusal = state.withLock { state -> ConversationError? in
      if state.isDraining { return .draining }
      if state.count >= Limits.subscribers { return .overloaded("too many live streams") }
      // A call that waits for a turn is no stream.
      if !outlastsDrain, !state.streams.add(user) { return .tooManyStreams(limit: Limits.userStreams) }
      state.live[conversation, default: []].append(subscription)
      state.count += 1
      state.ring[state.position][ObjectIdentifier(subscription)] = subscription
      if let expiry_s = subscription.expiry_s {
        state.expiring[expiry_s, default: [:]][ObjectIdentifier(subscription)] = subscription
        state.nextExpiry_s = min(state.nextExpiry_s, expiry_s)
      }
      return nil
    }
    if let refusal { throw refusal }
    return subscription
  }

  package func unsubscribe(_ subscription: Subscription) {
    subscription.speech?.close()
    state.withLock { state in
      guard var list = state.live[subscription.conversation],
        let index = list.firstIndex(where: { $0 === subscription })
      else { return }
      list.remove(at: index)
      state.live[subscription.conversation] = list.isEmpty ? nil : list
      state.count -= 1
      if !subscription.outlastsDrain { state.streams.remove(subscription.user) }
      if let expiry_s = subscription.expiry_s {
        state.expiring[expiry_s]?[ObjectIdentifier(subscription)] = nil
        if state.expiring[expiry_s]?.isEmpty == true { state.expiring[expiry_s] = nil }
      }
      for index in state.ring.indices
      where state.ring[index].removeValue(forKey: ObjectIdentifier(subscription)) != nil {
        break
      }
    }
  }

  package var count: Int { state.withLock { $0.count } }

  /// Events that this server has committed, in order, with the chips of a turn completed by them.
  package func publish(_ conversation: ConversationID, _ events: [DurableEvent], chips: TurnChips? = nil) {
    guard let last = events.last else { return }
    notifier.publish(ConversationHint(conversation: conversation, head: last.sequence))
    for subscription in subscriptions(of: conversation) { subscription.offer(events, chips: chips) }
  }

  /// Tells every subscriber of the conversation, on all servers, that somebody listens.
  package func say(_ feedback: ListeningFeedback) {
    notifier.publish(feedback)
    pass(feedback)
  }

  /// What this or another server says to the subscribers.
  package func pass(_ feedback: ListeningFeedback) {
    for subscription in subscriptions(of: feedback.conversation) { subscription.offer(feedback) }
  }

  /// Another server's log growth, or the end of it (`ConversationHint.gone`).
  package func noteHead(_ conversation: ConversationID, _ head: Int64) {
    for subscription in subscriptions(of: conversation) { subscription.noteHead(head) }
  }

  /// A conversation was deleted: its streams end, on all servers.
  package func remove(_ conversation: ConversationID) {
    notifier.publish(ConversationHint(conversation: conversation, head: ConversationHint.gone))
    for subscription in subscriptions(of: conversation) { subscription.end(.conversationDeleted) }
  }

  /// A user was erased: their streams end, on all servers.
  package func remove(_ user: UserID) {
    notifier.publish(erased: user)
    endAll(of: user)
  }

  /// The user was erased, here or by another server.
  package func endAll(of user: UserID) { end(.userErased) { $0.user == user } }

  /// No new streams; the live ones end with GoAway. Who waits for a turn goes on waiting.
  package func drain() {
    state.withLock { $0.isDraining = true }
    end(.draining) { !$0.outlastsDrain }
  }

  /// The end of a drain: nobody waits any more.
  package func endWaits() { end(.draining) { $0.outlastsDrain } }

  private func end(_ reason: SubscriptionEnd, _ isMeant: (Subscription) -> Bool) {
    let all = state.withLock { state in state.live.values.flatMap { $0 } }
    for subscription in all where isMeant(subscription) { subscription.end(reason) }
  }

  /// The conversations somebody follows here and that are known to exist: not those whose creation is under way.
  package func liveConversations() -> [(user: UserID, conversation: ConversationID)] {
    let live = state.withLock { $0.live }
    return live.compactMap { conversation, list in
      list.first { $0.isStarted }.map { ($0.user, conversation) }
    }
  }

  /// One step of the heartbeat ring; also ends streams whose token has expired by `now`.
  package func tick(now: Timestamp) {
    let (due, expired) = state.withLock { state in
      state.position = (state.position + 1) % ConversationHub.ringSize
      var expired: [Subscription] = []
      let now_s = now.microseconds / 1_000_000
      if now_s >= state.nextExpiry_s {
        for second in state.expiring.keys where second <= now_s {
          expired += state.expiring.removeValue(forKey: second).map { Array($0.values) } ?? []
        }
        state.nextExpiry_s = state.expiring.keys.min() ?? .max
      }
      return (Array(state.ring[state.position].values), expired)
    }
    for subscription in due { subscription.heartbeat() }
    for subscription in expired { subscription.end(.tokenExpired) }
  }

  /// The streams of this server that read the conversation's replies aloud.
  func speakers(of conversation: ConversationID, user: UserID) -> [SpeechRenderer] {
    subscriptions(of: conversation).filter { $0.user == user }.compactMap(\.speech)
  }

  private func subscriptions(of conversation: ConversationID) -> [Subscription] {
    state.withLock { $0.live[conversation] ?? [] }
  }
}

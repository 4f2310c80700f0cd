import Testing

@testable import Conversation

@Suite("Hub: who gets what")
struct ConversationHubTests {
  private func end(of subscription: Subscription) async throws -> SubscriptionEnd? {
    guard case .end(let reason) = try await subscription.next() else { return nil }
    return reason
  }

  private let event = DurableEvent(
    sequence: 1, createTime: Timestamp(microseconds: 0), turn: nil, request: nil, kind: .conversationEnded)

  @Test("events reach the conversation's readers alone")
  func publish() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let one = try hub.subscribe(user: "u", conversation: "a", expires: nil)
    let other = try hub.subscribe(user: "u", conversation: "b", expires: nil)
    one.start(after: 0)
    other.start(after: 0)
    hub.publish("a", [event])
    guard case .deliver(.durable(let taken)) = try await one.next() else { Issue.record("no event"); return }
    #expect(taken == event)
    other.end(.draining)
    #expect(try await end(of: other) == .draining)
  }

  @Test("one turn of the ring beats once for every reader")
  func heartbeats() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    var readers: [Subscription] = []
    for index in 0..<30 {
      readers.append(try hub.subscribe(user: "u", conversation: ConversationID("\(index)"), expires: nil))
      hub.tick(now: Timestamp(microseconds: 0))
    }
    for reader in readers { reader.start(after: 0) }
    for _ in 0..<ConversationHub.ringSize { hub.tick(now: Timestamp(microseconds: 0)) }
    for reader in readers {
      guard case .deliver(.heartbeat(let head)) = try await reader.next() else { Issue.record("no beat"); return }
      #expect(head == 0)
    }
  }

  @Test("a stream ends with its token, not before")
  func expiry() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let early = try hub.subscribe(user: "u", conversation: "a", expires: Timestamp(microseconds: 10_000_000))
    let late = try hub.subscribe(user: "u", conversation: "a", expires: Timestamp(microseconds: 30_000_000))
    early.start(after: 0)
    late.start(after: 0)
    hub.tick(now: Timestamp(microseconds: 20_000_000))
    #expect(try await end(of: early) == .tokenExpired)
    hub.tick(now: Timestamp(microseconds: 30_000_000))
    #expect(try await end(of: late) == .tokenExpired)
  }

  @Test("draining ends every stream and takes no new one")
  func drain() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let reader = try hub.subscribe(user: "u", conversation: "a", expires: nil)
    hub.drain()
    #expect(try await end(of: reader) == .draining)
    #expect(throws: ConversationError.draining) { try hub.subscribe(user: "u", conversation: "a", expires: nil) }
  }

  @Test("who waits for a turn outlasts the drain, until its end")
  func waits() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let wait = try hub.subscribe(user: "u", conversation: "a", expires: nil, outlastsDrain: true)
    wait.start(after: 0)
    hub.drain()
    hub.publish("a", [event])
    guard case .deliver(.durable(event)) = try await wait.next() else { Issue.record("no event"); return }
    hub.endWaits()
    #expect(try await end(of: wait) == .draining)
  }

  @Test("an erased user's streams end, others go on; unsubscribing forgets")
  func erase() async throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let mine = try hub.subscribe(user: "me", conversation: "a", expires: nil)
    let theirs = try hub.subscribe(user: "they", conversation: "b", expires: nil)
    hub.endAll(of: "me")
    #expect(try await end(of: mine) == .userErased)
    #expect(hub.count == 2)
    hub.unsubscribe(mine)
    hub.unsubscribe(mine)
    hub.unsubscribe(theirs)
    #expect(hub.count == 0)
    #expect(hub.liveConversations().isEmpty)
  }
}

@Suite("Hub: what other servers are asked about")
struct LiveConversationsTests {
  @Test("a conversation whose creation is under way is not looked for, and so not taken for deleted")
  func unstarted() throws {
    let hub = ConversationHub(notifier: InProcessNotifier())
    let reader = try hub.subscribe(user: "u", conversation: "a", expires: nil)
    #expect(hub.liveConversations().isEmpty)
    reader.start(after: 0)
    #expect(hub.liveConversations().map(\.conversation) == ["a"])
  }
}

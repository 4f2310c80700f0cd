import Testing

@testable import Conversation

@Suite("Subscription: events of any offer order come out in log order, each once")
struct SubscriptionTests {
  private func subscription() -> Subscription {
    Subscription(user: "u", conversation: "c", bounds: Self.bounds)
  }

  private static let bounds = Subscription.Bounds(events: 256, size_bytes: 1 << 20)

  private func event(_ sequence: Int64, text: String = "x") -> DurableEvent {
    DurableEvent(
      sequence: sequence, createTime: Timestamp(microseconds: 0), turn: nil, request: nil,
      kind: .agentMessage(AgentPiece(id: "m", text: text, index: 0, total: 1)))
  }

  private func chips(_ turn: TurnID) -> TurnChips {
    TurnChips(turn: turn, kind: .reply, suggestions: Suggestions(reason: .turn, stage: "childhood", chips: []))
  }

  private func take(_ count: Int, from subscription: Subscription) async throws -> [String] {
    var names: [String] = []
    for _ in 0..<count {
      switch try await subscription.next() {
      case .deliver(.durable(let event)): names.append("\(event.sequence)")
      case .deliver(.turnChips(let chips)): names.append("chips \(chips.turn)")
      case .deliver(.heartbeat(let head)): names.append("heartbeat \(head)")
      case .deliver(.listeningFeedback): names.append("feedback")
      case .deliver(.speech(let chunk)): names.append("speech \(chunk.index)")
      case .gap(let after, let through):
        names.append("gap \(after)–\(through)")
        subscription.advance(to: through)
      case .end(let reason): names.append("end \(reason)")
      }
    }
    return names
  }

  @Test("whatever came before the start is kept, what the replay covers is dropped")
  func start() async throws {
    let subscription = subscription()
    subscription.offer([event(3), event(4)], chips: nil)
    subscription.offer([event(5)], chips: nil)
    subscription.start(after: 4)
    #expect(try await take(1, from: subscription) == ["5"])
  }

  @Test(
    "every order of three commits gives one order",
    arguments: [[1, 2, 3], [3, 2, 1], [2, 3, 1], [2, 1, 3], [3, 1, 2]])
  func order(sequences: [Int64]) async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    for sequence in sequences { subscription.offer([event(sequence)], chips: nil) }
    subscription.offer([event(2)], chips: nil)
    #expect(try await take(3, from: subscription) == ["1", "2", "3"])
  }

  @Test("chips follow the event they belong to")
  func chipsFollow() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    subscription.offer([event(2)], chips: chips("b"))
    subscription.offer([event(1)], chips: chips("a"))
    #expect(try await take(4, from: subscription) == ["1", "chips a", "2", "chips b"])
  }

  @Test("a missing event is reported as a gap, and so is a head known by hint")
  func gaps() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    subscription.offer([event(1), event(4)], chips: nil)
    #expect(try await take(3, from: subscription) == ["1", "gap 1–3", "4"])
    subscription.noteHead(9)
    #expect(try await take(1, from: subscription) == ["gap 4–9"])
  }

  @Test("a heartbeat tells the known head, and waits behind events")
  func heartbeat() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    subscription.heartbeat()
    subscription.offer([event(1)], chips: nil)
    #expect(try await take(2, from: subscription) == ["1", "heartbeat 1"])
  }

  @Test("too many events end the reader, after its ephemerals were dropped")
  func countBound() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    for sequence in 1...Int64(Self.bounds.events) { subscription.offer([event(sequence)], chips: chips("t")) }
    subscription.offer([event(Int64(Self.bounds.events) + 1)], chips: nil)
    #expect(try await take(1, from: subscription) == ["end slowConsumer"])
  }

  @Test("too many bytes end the reader")
  func byteBound() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    let text = String(repeating: "话", count: Self.bounds.size_bytes / 3 / 4)
    for sequence in 1...5 { subscription.offer([event(Int64(sequence), text: text)], chips: nil) }
    #expect(try await take(1, from: subscription) == ["end slowConsumer"])
  }

  @Test("the first end counts, and wakes the reader")
  func end() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    async let taken = take(1, from: subscription)
    subscription.end(.tokenExpired)
    subscription.end(.draining)
    #expect(try await taken == ["end tokenExpired"])
  }

  @Test("a cancelled reader stops waiting")
  func cancellation() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    let reader = Task { try await subscription.next() }
    reader.cancel()
    await #expect(throws: CancellationError.self) { try await reader.value }
  }

  @Test("concurrent publishers lose nothing")
  func concurrentOffers() async throws {
    let subscription = subscription()
    subscription.start(after: 0)
    async let taken = take(200, from: subscription)
    await withTaskGroup(of: Void.self) { group in
      for sequence in 1...200 { group.addTask { subscription.offer([self.event(Int64(sequence))], chips: nil) } }
    }
    let names = try await taken.filter { !$0.hasPrefix("gap") }
    #expect(Set(names).count == names.count)
  }
}

import Logging
import Synchronization
import TestSupport
import Testing

@testable import Conversation

/// Cancels, replies, user messages and slow readers in every order: what the streams' wires and the acknowledgements
/// show.
@Suite("Speech: no chunk of an older epoch after the acknowledgement", .serialized)
struct SpeechCancelTests {
  private enum Sent: Equatable {
    case durable(Int64)
    case chunk(message: MessageID, epoch: Int64)
    case acknowledged(epoch: Int64, through: Int64)
  }

  /// The order in which things left the server.
  private final class Wire: Sendable {
    private let sent = Mutex<[Sent]>([])
    func add(_ what: Sent) { sent.withLock { $0.append(what) } }
    var all: [Sent] { sent.withLock { $0 } }
    var chunkCount: Int { all.count { if case .chunk = $0 { true } else { false } } }
  }

  /// The log of one conversation, as the store would write it.
  private final class Log: Sendable {
    private let state = Mutex(State())
    private struct State {
      var head: Int64 = 0
      var epoch: Int64 = 0
    }

    func reply(_ message: MessageID, pieces: Int) -> [DurableEvent] {
      (0..<pieces).map { index in
        event(.agentMessage(AgentPiece(id: message, text: Self.text(index), index: index, total: pieces)))
      }
    }

    func said() -> [DurableEvent] {
      [event(.userMessage(UserMessage(id: "u", text: "等等", source: .text, chipID: nil, clientTime: nil)))]
    }

    func cancel() -> CancelSpeechOutcome {
      state.withLock { state in
        state.epoch += 1
        let through = state.head
        state.head += 1
        let finish = SpeechFinish(
          message: "m", cancelled: true, heardText: "", cancelEpoch: state.epoch, through: through)
        return CancelSpeechOutcome(
          epoch: state.epoch, through: through, duplicate: false,
          events: [Self.event(state.head, .speechFinished(finish))])
      }
    }

    private func event(_ kind: DurableEvent.Kind) -> DurableEvent {
      state.withLock { state in
        state.head += 1
        return Self.event(state.head, kind)
      }
    }

    private static func event(_ sequence: Int64, _ kind: DurableEvent.Kind) -> DurableEvent {
      DurableEvent(
        sequence: sequence, createTime: Timestamp(microseconds: 0), turn: nil, request: nil, kind: kind)
    }

    private static func text(_ index: Int) -> String { "第\(index)段说的是河边的老屋。门口还有一棵很大的槐树。后来您去了哪里呢？" }
  }

  /// Delivers as a Connect stream does, to a reader that is slow now and then.
  private func deliver(_ subscription: Subscription, to wire: Wire, delay_us: Int64) async {
    do {
      while true {
        switch try await subscription.next() {
        case .deliver(.durable(let event)):
          wire.add(.durable(event.sequence))
          subscription.speech?.follow(event)
        case .deliver(.speech(let chunk)):
          // Writing takes its time, then the chunk is on the wire.
          if delay_us > 0 { try await Task.sleep(for: .microseconds(delay_us)) } else { await Task.yield() }
          wire.add(.chunk(message: chunk.message, epoch: chunk.cancelEpoch))
          subscription.speech?.delivered(chunk)
        case .deliver: break
        case .gap: await Task.yield()
        case .end: return
        }
      }
    } catch {}
  }

  @Test("whatever the order of replies, messages, cancels and deliveries", arguments: 0..<30)
  func interleavings(seed: UInt64) async throws {
    let found = try await run(seed: seed) { hub, outcome in await hub.silence(outcome, of: "u", "c") }
    #expect(found.chunks > 0 && found.late == 0, "seed \(seed): \(found)")
  }

  @Test("an acknowledgement that does not wait for the chunk being written is found out")
  func theCheckCanFail() async throws {
    var late = 0
    for seed in 0..<UInt64(30) {
      late += try await run(seed: seed) { hub, outcome in
        for speaker in hub.speakers(of: "c", user: "u") {
          speaker.cancel(through: outcome.through, epoch: outcome.epoch)
        }
        hub.publish("c", outcome.events)
      }.late
      if late > 0 { break }
    }
    #expect(late > 0)
  }

  /// Counts chunks, and those of an older epoch than acknowledged before them.
  private func run(
    seed: UInt64, silence: (ConversationHub, CancelSpeechOutcome) async -> Void
  ) async throws -> (chunks: Int, late: Int) {
    var random = SeededGenerator(seed: seed)
    let synthesizer = ScriptedSynthesizer { text in
      .success(Array(repeating: [UInt8](repeating: 1, count: 20_000), count: 4))
    }
    let engine = SpeechEngine(
      synthesizer: synthesizer, launcher: TestTasks(), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let hub = ConversationHub(notifier: InProcessNotifier())
    let log = Log()
    var wires: [Wire] = []
    var readers: [Task<Void, Never>] = []
    var subscriptions: [Subscription] = []
    for _ in 0..<3 {
      let subscription = try hub.subscribe(
        user: "u", conversation: "c", expires: nil,
        speech: SpeechRenderer(engine: engine, voice: "", format: .mp3))
      subscription.start(after: 0)
      subscription.speech?.begin(epoch: 0, now: Timestamp(microseconds: 0))
      let wire = Wire()
      let delay_us = [0, 100, 1_500].randomElement(using: &random) ?? 0
      readers.append(Task { await deliver(subscription, to: wire, delay_us: Int64(delay_us)) })
      subscriptions.append(subscription)
      wires.append(wire)
    }
    for step in 0..<25 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1, 2:
        let before = wires.map(\.chunkCount)
        hub.publish("c", log.reply(MessageID("m\(step)"), pieces: Int.random(in: 1...3, using: &random)))
        // Mostly, somebody hears the beginning of it before the next step.
        if Int.random(in: 0..<4, using: &random) > 0 {
          try await waitUntil("a chunk") { zip(wires, before).contains { $0.chunkCount > $1 } }
        }
      case 3: hub.publish("c", log.said())
      default:
        let outcome = log.cancel()
        await silence(hub, outcome)
        for wire in wires { wire.add(.acknowledged(epoch: outcome.epoch, through: outcome.through)) }
      }
      // Steps fall into any moment of the delivery; whatever comes out of it must hold.
      try await Task.sleep(for: .microseconds(Int.random(in: 0...1_500, using: &random)))
    }
    for subscription in subscriptions { hub.unsubscribe(subscription) }
    for reader in readers {
      reader.cancel()
      await reader.value
    }
    return wires.map { count($0.all, seed: seed) }.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
  }

  private func count(_ sent: [Sent], seed: UInt64) -> (chunks: Int, late: Int) {
    var epoch: Int64 = 0
    var durable: [Int64] = []
    var found = (chunks: 0, late: 0)
    for what in sent {
      switch what {
      case .durable(let sequence): durable.append(sequence)
      case .chunk(_, let of):
        found.chunks += 1
        if of < epoch { found.late += 1 }
      case .acknowledged(let of, _): epoch = of
      }
    }
    #expect(durable == durable.sorted() && Set(durable).count == durable.count, "seed \(seed)")
    return found
  }

  @Test("a reader that does not read delays the acknowledgement no longer than the bound")
  func stuckReader() async throws {
    let engine = SpeechEngine(
      synthesizer: ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo), launcher: TestTasks(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let hub = ConversationHub(notifier: InProcessNotifier())
    let log = Log()
    let subscription = try hub.subscribe(
      user: "u", conversation: "c", expires: nil, speech: SpeechRenderer(engine: engine, voice: "", format: .mp3))
    subscription.start(after: 0)
    hub.publish("c", log.reply("m", pieces: 1))
    guard case .deliver(.durable(let event)) = try await subscription.next() else { throw Timeout(what: "event") }
    subscription.speech?.follow(event)
    guard case .deliver(.speech) = try await subscription.next() else { throw Timeout(what: "chunk") }
    let began = ContinuousClock.now
    await hub.silence(log.cancel(), of: "u", "c")
    let took_ms = began.elapsed_ns / 1_000_000
    #expect(took_ms >= Limits.speechSettling_ms && took_ms < Limits.speechSettling_ms + 2_000)
  }

  @Test("durable events overtake chunks that wait; a cancel's event is delivered before any later chunk")
  func priority() async throws {
    let engine = SpeechEngine(
      synthesizer: ScriptedSynthesizer(immediately: ScriptedSynthesizer.echo), launcher: TestTasks(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let hub = ConversationHub(notifier: InProcessNotifier())
    let log = Log()
    let subscription = try hub.subscribe(
      user: "u", conversation: "c", expires: nil, speech: SpeechRenderer(engine: engine, voice: "", format: .mp3))
    subscription.start(after: 0)
    hub.publish("c", log.reply("m", pieces: 2))
    for _ in 0..<2 {
      guard case .deliver(.durable(let event)) = try await subscription.next() else { throw Timeout(what: "event") }
      subscription.speech?.follow(event)
    }
    try await waitUntil("ready") { subscription.speech?.isReady == true }
    subscription.heartbeat()
    hub.publish("c", log.said())
    guard case .deliver(.durable(let said)) = try await subscription.next() else { throw Timeout(what: "message") }
    #expect(said.sequence == 3)
    subscription.speech?.follow(said)
    guard case .deliver(.heartbeat) = try await subscription.next() else { throw Timeout(what: "heartbeat") }
    #expect(subscription.speech?.isReady == false)
  }
}

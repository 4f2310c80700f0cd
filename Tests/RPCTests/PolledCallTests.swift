import HTTP2
import NIOCore
import Protobuf
import Synchronization
import TestSupport
import Testing

@testable import RPC

/// Polled calls mean the same over a network and within the process.
@Suite(.serialized) struct PolledCallTests {
  @Test(arguments: Transport.allCases)
  func messagesComeInOrderThenTheEnd(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let reactor = Collector(server)
      await reactor.start {
        server.channel.serverStreaming(TestMethods.count, RawMessage("1000")).polled(by: $0, on: $1)
      }
      let (texts, status) = try await reactor.ending.futureResult.get()
      #expect(texts == (0..<1000).map(String.init))
      #expect(status == .ok)
    }
  }

  @Test(arguments: Transport.allCases)
  func aFailureComesAfterTheMessages(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let reactor = Collector(server)
      await reactor.start {
        server.channel.serverStreaming(TestMethods.failAfter, RawMessage("一")).polled(by: $0, on: $1)
      }
      let (texts, status) = try await reactor.ending.futureResult.get()
      #expect(texts == ["一"])
      #expect(status == Status(.aborted, "after one"))
    }
  }

  /// More than the pipe holds is offered at once: what it refuses is offered again when the reactor is told.
  @Test(arguments: Transport.allCases)
  func offersWaitForRoom(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      let reactor = Collector(server, sending: (0..<500).map { RawMessage("\($0)") })
      await reactor.start { server.channel.bidirectional(TestMethods.chat).polled(by: $0, on: $1) }
      let (texts, status) = try await reactor.ending.futureResult.get()
      #expect(texts == (0..<500).map(String.init))
      #expect(status == .ok)
      #expect(reactor.refusals > 0)
    }
  }

  /// Who does not poll stops the server; after `cancel` the reactor hears nothing more and is let go.
  @Test(arguments: Transport.allCases)
  func nobodyPolls(transport: Transport) async throws {
    try await TestServer.run(transport) { server async throws in
      weak var left: Collector?
      do {
        let reactor = Collector(server, polls: false)
        left = reactor
        await reactor.start {
          let message = RawMessage(bytes: [UInt8](repeating: 1, count: 100_000))
          return server.channel.serverStreaming(TestMethods.forever, message).polled(by: $0, on: $1)
        }
        #expect(await server.seen.standStill())
        #expect(server.seen.now.written < 200)
        await reactor.cancel()
        #expect(await eventually { server.seen.now.cancelled == 1 })
        reactor.ending.succeed(([], .ok))
      }
      #expect(await eventually { left == nil })
    }
  }
}

/// Takes everything a call brings and sends what it has, on one loop.
private final class Collector: CallReactor, @unchecked Sendable {
  let ending: EventLoopPromise<([String], Status)>
  private(set) var refusals = 0
  private let loop: any EventLoop
  private let polls: Bool
  private var waiting: [RawMessage]
  private var texts: [String] = []
  private var call: PolledCall<RawMessage, RawMessage>?

  init(_ server: TestServer, sending: [RawMessage] = [], polls: Bool = true) {
    loop = server.group.next()
    ending = loop.makePromise()
    waiting = sending
    self.polls = polls
  }

  func start(
    _ begin: @escaping @Sendable (Collector, any EventLoop) -> PolledCall<RawMessage, RawMessage>
  ) async {
    try? await loop.submit {
      self.call = begin(self, self.loop)
      self.callIsReady()
    }.get()
  }

  func cancel() async {
    try? await loop.submit {
      self.call?.cancel()
      self.call = nil
    }.get()
  }

  func callIsReady() {
    loop.preconditionInEventLoop()
    guard polls, let call else { return }
    while true {
      switch call.poll() {
      case .message(let message):
        texts.append(message.text)
        continue
      case .pending: return send(to: call)
      case .ended(let status):
        self.call = nil
        return ending.succeed((texts, status))
      }
    }
  }

  private func send(to call: PolledCall<RawMessage, RawMessage>) {
    while let message = waiting.first {
      guard call.offer(message) else { return refusals += 1 }
      waiting.removeFirst()
    }
    call.finishWriting()
  }
}

import NIOCore
import NIOEmbedded
import Testing

@testable import TLS

@Suite struct HandshakeBudgetTests {
  @Test func aTurnIsSpentByTime() {
    var budget = HandshakeBudget(turn_ns: 100)
    #expect(!budget.isSpent)
    budget.spend(99)
    #expect(!budget.isSpent)
    // The step that crosses the line is finished.
    budget.spend(400)
    #expect(budget.isSpent)
    budget.refill()
    #expect(!budget.isSpent)
  }

  @Test func aClockThatStandsStillDoesNotMakeItEndless() {
    var budget = HandshakeBudget(turn_ns: 2)
    budget.spend(0)
    budget.spend(-5)
    #expect(budget.isSpent)
  }

  /// Sixteen clients at once on one loop: each turn does some, and none is forgotten.
  @Test func furtherHandshakesWaitForTheNextTurn() throws {
    let loop = EmbeddedEventLoop()
    let server = try Contexts.server()
    let sides = try (0..<16).map { _ in
      let channel = EmbeddedChannel(loop: loop)
      let end = EndRecorder()
      try channel.pipeline.syncOperations.addHandlers([TLSHandler(context: server), end])
      try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
      return (channel, end)
    }
    let clients = sides.map { _ in RawClient(version: 0x0304) }
    for (client, side) in zip(clients, sides) {
      client.advance()
      side.0.pipeline.fireChannelRead(client.takeOutput())
    }
    func answered() throws -> Int {
      var count = 0
      for (client, side) in zip(clients, sides) {
        while let bytes = try side.0.readOutbound(as: ByteBuffer.self) {
          client.receive(bytes)
          count += 1
        }
      }
      return count
    }
    // A ClientHello costs far more than a turn's time in any build.
    #expect(try answered() == 1)
    var total = 1
    var turns = 0
    while total < 16, turns < 100 {
      loop.advanceTime(by: .microseconds(20))
      let done = try answered()
      #expect(done <= 2)
      total += done
      turns += 1
    }
    #expect(total == 16)
    #expect(turns >= 8)
  }

  @Test func lateMessagesDrainWithTime() {
    var messages = LateMessages()
    let steps: [(messages: Int, now_s: Int64, isTaken: Bool)] = [
      (Limits.lateHandshakeMessages, 1000, true), (0, 1000, true), (5, 1005, true), (1, 1005, false), (1, 1010, true),
      (Limits.lateHandshakeMessages, 9999, true),
    ]
    for step in steps {
      let isTaken = messages.count(step.messages, now_s: step.now_s)
      #expect(isTaken == step.isTaken, "\(step)")
    }
  }
}

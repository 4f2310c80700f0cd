import CNGHTTP2
import NIOCore
import Testing

@testable import HTTP2

/// Flow control of what a peer sends.
@Suite struct WindowTests {
  /// Bytes of a stream that ends unread are given back to the connection's window (nghttp2 keeps them charged).
  @Test(arguments: ["peer resets", "we reset", "we answer early"])
  func unreadBytesOfClosedStreamsAreCredited(_ how: String) throws {
    let wire = try Wire()
    wire.delegate.consumesAtOnce = false
    var increments = 0
    let rounds = 100
    let size = 15_000  // 1.5 MB, above the 1 MiB window
    for round in 0..<rounds {
      let id = Int32(1 + 2 * round)
      try wire.send(.request(id), .data(id, [UInt8](repeating: 0, count: size)))
      let stream = try #require(wire.delegate.accepted.last?.stream)
      switch how {
      case "peer resets": try wire.send(.reset(id))
      case "we reset": stream.reset(.cancel)
      default: stream.sendHeaders(Answers.head, endStream: true)
      }
      increments += try wire.frames().filter { $0.stream == 0 }.compactMap(\.increment).reduce(0, +)
      #expect(wire.isOpen)
    }
    // WINDOW_UPDATE is due at half of the window, so at most that much is still owed.
    #expect(rounds * size - increments <= 512 << 10)
    #expect(wire.connection.liveStreamCount == 0)
  }

  /// What handlers do not read shuts their streams' windows and not the connection's, up to a bound.
  @Test func unreadBytesAreCreditedToTheConnectionUpToABound() throws {
    var configuration = HTTP2Configuration()
    configuration.unread_bytes = 4 << 20
    let wire = try Wire(configuration: configuration)
    wire.delegate.consumesAtOnce = false
    var credited = 0
    func fill(_ streams: Range<Int>) throws {
      for index in streams {
        let id = Int32(1 + 2 * index)
        try wire.send(.request(id))
        for _ in 0..<16 { try wire.send(.data(id, [UInt8](repeating: 0, count: 16 << 10))) }
        credited += try increments(of: 0)
      }
    }
    func increments(of stream: Int32) throws -> Int {
      try wire.frames().filter { $0.stream == stream }.compactMap(\.increment).reduce(0, +)
    }
    try fill(0..<16)
    #expect(credited == 4 << 20)
    try fill(16..<19)
    #expect(credited == 4 << 20 && wire.isOpen, "nothing beyond the bound")
    // Whoever reads makes room for all.
    for served in wire.delegate.accepted.prefix(4) { served.stream?.consume(served.body.count) }
    #expect(try increments(of: 0) == 768 << 10)
    // What a stream's handler did not read does not come back with the stream.
    for index in 4..<19 { try wire.send(.reset(Int32(1 + 2 * index))) }
    try fill(19..<21)
    #expect(wire.isOpen && credited == (4 << 20) + (512 << 10))
  }

  /// Two with 1 MiB of their own, 3 MiB to share, 8 MiB at most.
  @Test func connectionsShareWhatTheyMayHoldUnread() {
    let pool = UnreadAllowance.Pool(size_bytes: 3 << 20)
    func allowance() -> UnreadAllowance { UnreadAllowance(own_bytes: 1 << 20, most_bytes: 8 << 20, pool: pool) }
    var first = allowance()
    var answers: [Bool] = []
    do {
      var second = allowance()
      answers = [first.covers(3 << 20), second.covers(2 << 20)]
      #expect(answers == [true, true])
      answers = [second.covers((2 << 20) + 1), second.covers(2 << 20), first.covers(9 << 20)]
      #expect(answers == [false, true, false])
      answers = [first.covers(1 << 20), second.covers(4 << 20), first.covers((1 << 20) + 1)]
      #expect(answers == [true, true, false])
    }
    answers = [first.covers(4 << 20)]
    #expect(answers == [true], "the other is gone")
  }

  @Test func dataForAStreamWeAlreadyResetIsCredited() throws {
    let wire = try Wire { _, stream, event in
      if case .headers = event { stream.reset(.cancel) }
    }
    var increments = 0
    for round in 0..<100 {
      let id = Int32(1 + 2 * round)
      // The reset is submitted, not sent, when the data of the same burst arrives; more comes after it.
      try wire.send(.request(id), .data(id, [UInt8](repeating: 0, count: 8_000)))
      try wire.send(.data(id, [UInt8](repeating: 0, count: 8_000)))
      increments += try wire.frames().filter { $0.stream == 0 }.compactMap(\.increment).reduce(0, +)
    }
    #expect(wire.isOpen && 100 * 16_000 - increments <= 512 << 10)
  }

  @Test func sendingBeyondTheStreamWindowIsAnError() throws {
    let wire = try Wire()
    wire.delegate.consumesAtOnce = false
    try wire.send(.request(1))
    for _ in 0..<17 { try wire.send(.data(1, [UInt8](repeating: 0, count: 16 << 10))) }
    let served = try #require(wire.delegate.accepted.first)
    #expect(served.body.count <= (256 << 10) + (16 << 10))
    #expect(served.closeCodes == [.flowControlError])
  }
}

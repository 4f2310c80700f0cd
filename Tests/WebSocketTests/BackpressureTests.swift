import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import WebSocket

/// Peers that do not keep up, and handlers that do not, over real sockets.
@Suite(.serialized) struct BackpressureTests {
  /// A peer that never reads costs at most the bound, and is dropped without having read the close frame.
  @Test func aSlowReaderIsDropped() async throws {
    try await withListener {
      $0.outboundBuffer_bytes = 256 << 10
    } reply: { connection, line in
      guard line == "go" else { return }
      let piece = ByteBuffer(repeating: 0x61, count: 10_000)
      for _ in 0..<2_000 where connection.isOpen {
        connection.send(text: piece)
        precondition(connection.bufferedByteCount <= 256 << 10)
      }
    } _: { listener, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      try await journal.wait(for: "closed 1013 unclean")
      #expect(journal.has("writable false"))
      #expect(journal.count(of: "limit outbound_buffer") == 1)
      try await waitUntil("the socket is gone") { listener.connectionCount == 0 }
      // What was cut off is no whole message: every frame that did arrive is intact, then the end.
      while let frame = client.frame() { #expect(frame.payload.count == 10_000 || frame.code == 1013) }
    }
  }

  /// The answers to pings count too.
  @Test func pongsThatNobodyReadsAreBounded() async throws {
    try await withListener {
      $0.outboundBuffer_bytes = 128 << 10
      $0.controlFrames = RateLimit(burst: .max, perSecond: 0)
    } _: { listener, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      let ping = Frame.ping(Array(repeating: 1, count: 125)).bytes()
      let pings = Array(repeatElement(ping, count: 400).joined())
      for _ in 0..<1_000 where !journal.has("closed 1013 unclean") { client.send(pings) }
      try await journal.wait(for: "closed 1013 unclean")
      try await waitUntil("the socket is gone") { listener.connectionCount == 0 }
    }
  }

  /// The kernel holds little of what a slow peer has not read, so that each bit it takes is seen here.
  @Test func progressOfASlowPeerIsSeen() async throws {
    let kept = KeptConnection()
    try await withListener(reply: { connection, line in
      guard line == "go" else { return }
      kept.set(connection)
      for _ in 0..<90 { connection.send(binary: ByteBuffer(repeating: 0x61, count: 10_000)) }
    }) { _, port, _ in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      try await waitUntil("it was sent") { kept.get() != nil }
      let connection = try #require(kept.get())
      let buffered = { try await connection.eventLoop.submit { connection.bufferedByteCount }.get() }
      var waiting = 0
      try await waitUntil("nothing moves") {
        let before = waiting
        waiting = try await buffered()
        return waiting == before
      }
      #expect(waiting > 600_000)
      while waiting > 300_000 {
        let before = waiting
        var taken = 0
        while taken < 100_000 { taken += client.read().count }
        try await waitUntil("the room is used") {
          waiting = try await buffered()
          return waiting <= before - 32_000
        }
      }
    }
  }

  /// A ping waits behind what a peer on a slow line takes: it is there, whether its pong comes in time or not.
  @Test func aPeerThatTakesIsAlive() async throws {
    try await withListener {
      $0.keepalivePing_s = 1
      $0.keepalivePong_s = 1
    } reply: { connection, line in
      guard line == "go" else { return }
      for _ in 0..<90 { connection.send(binary: ByteBuffer(repeating: 0x61, count: 10_000)) }
    } _: { _, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      let begin = ContinuousClock.now
      var taken = 0
      while begin.duration(to: .now) < .seconds(5), !journal.has("closed 1011 unclean") {
        // 100 KB a second.
        while taken < Int(begin.duration(to: .now) / .milliseconds(10)) * 1_000 {
          let bytes = client.read()
          if bytes.isEmpty { break }
          taken += bytes.count
        }
        // Not suspended: who waits for a thread behind other tests' blocking sockets takes nothing meanwhile.
        usleep(10_000)
      }
      #expect(!journal.has("closed 1011 unclean"))
      // Who takes nothing any more is not.
      try await journal.wait(for: "closed 1011 unclean")
    }
  }

  @Test func writabilityFollowsThePeer() async throws {
    try await withListener(reply: { connection, line in
      guard line == "go" || line == "writable true" else { return }
      let piece = ByteBuffer(repeating: 0x61, count: 20_000)
      while connection.isWritable { connection.send(binary: piece) }
    }) { _, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      try await waitUntil("the buffers are full") {
        let before = journal.all
        // A writer that is held up longer looks stopped too; it goes on below as one that was.
        try? await Task.sleep(for: .milliseconds(100))
        return before.last == "writable false" && journal.all == before
      }
      let count = journal.all.count
      var frames = 0
      while journal.all.count < count + 2, let frame = client.frame() {
        #expect(frame.payload.count == 20_000)
        frames += 1
      }
      #expect(frames > 0)
      #expect(Array(journal.all[count..<count + 2]) == ["writable true", "writable false"])
      #expect(!journal.has("limit outbound_buffer"))
    }
  }

  /// A handler that answers every change of writability with more than fits: the close frame still comes, whole, last.
  @Test func overflowFromInsideAFlush() async throws {
    try await withListener {
      $0.outboundBuffer_bytes = 200 << 10
    } reply: { connection, line in
      guard line == "go" || line == "writable true" else { return }
      let piece = ByteBuffer(repeating: 0x61, count: 9_000)
      for _ in 0..<(line == "go" ? 20 : 30) { connection.send(binary: piece) }
    } _: { listener, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      var last: Frame?
      while let frame = client.frame() {
        #expect(frame.payload.count == 9_000 || frame.opcode == 8)
        last = frame
      }
      #expect(last?.code == 1013)
      try await journal.wait(for: "closed 1013 unclean")
      try await waitUntil("the socket is gone") { listener.connectionCount == 0 }
    }
  }

  @Test func messagesKeepTheirOrderThroughTheBacklog() async throws {
    try await withListener(reply: { connection, line in
      guard line == "go" else { return }
      for index in 0..<60 {
        let count = index % 7 == 0 ? 40_000 : 3_000
        var message = ByteBuffer(string: "\(index) ")
        message.writeRepeatingByte(0x61, count: count)
        connection.send(text: message)
      }
      connection.close(.normal, reason: "all said")
    }) { _, port, journal in
      let client = try RawClient.upgraded(port: port, receiveBuffer: 4_096)
      client.send(.text("go"))
      try await journal.wait(for: "writable false")
      for index in 0..<60 {
        let frame = try #require(client.frame())
        #expect(frame.text.hasPrefix("\(index) a"))
        #expect(frame.payload.count > 3_000)
      }
      #expect(client.frame() == .close(1000, "all said"))
      client.send(.close(1000))
      try await journal.wait(for: "closed 1000 clean")
      #expect(client.frame() == nil)
    }
  }

  @Test func pausedReadingHoldsThePeerBack() async throws {
    let held = Journal()
    let kept = KeptConnection()
    try await withListener(reply: { connection, line in
      if line == "stop" {
        connection.pauseReading()
        kept.set(connection)
      }
    }) { _, port, journal in
      let client = try RawClient.upgraded(port: port)
      client.send(.text("before"), .text("stop"), .text("after"))
      try await journal.wait(for: "stop")
      let writer = Task.detached {
        let block = Frame.binary(Array(repeating: 1, count: 100_000)).bytes()
        for _ in 0..<100 { client.send(block) }
        held.write("all sent")
      }
      // 10 MB fit into no buffers on the way: while nothing is read, the writer cannot come to its end, however long.
      try await Task.sleep(for: .milliseconds(300))
      #expect(!held.has("all sent"))
      #expect(journal.all == ["opened", "before", "stop"])
      let connection = try #require(kept.get())
      connection.eventLoop.execute { connection.resumeReading() }
      try await held.wait(for: "all sent")
      await writer.value
      try await journal.wait(for: "100000 bytes", count: 100)
      #expect(journal.all[..<4] == ["opened", "before", "stop", "after"])
    }
  }

  @Test func whatArrivedDuringAPauseIsNotLostAtTheEnd() async throws {
    try await withListener(reply: { connection, line in
      if line == "stop" { connection.pauseReading() }
    }) { _, port, journal in
      let client = try RawClient.upgraded(port: port)
      client.send(.text("stop"), .text("last words"), .close(1000))
      client.close()
      try await journal.wait(for: "closed 1000 clean")
      #expect(journal.all == ["opened", "stop", "last words", "closed 1000 clean"])
    }
  }
}

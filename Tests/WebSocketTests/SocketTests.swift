import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import WebSocket

/// Real sockets, well-behaved and not.
@Suite(.serialized) struct SocketTests {
  @Test func overAUnixSocket() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("websocket-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appendingPathComponent("s").path
    let journal = Journal()
    let service = WebSocketService(authorize: { _ in .accept { Recorder($0, journal, reply: Recorder.echo) } })
    let listener = try await WebSocketListener.bind(
      .unix(path: path), group: MultiThreadedEventLoopGroup.singleton, service: service)
    let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton)
    let heard = Journal()
    let connection = try await client.connect(to: .unix(path: path), target: "/") { Recorder($0, heard) }
    connection.eventLoop.execute { connection.send(text: "echo") }
    try await heard.wait(for: "echo")
    await listener.stop()
    try await heard.wait(for: "closed 1006 unclean")
  }

  @Test func framesRightBehindTheRequest() async throws {
    try await withListener(reply: { connection, line in
      if line == "opened" { connection.send(text: "welcome") } else { Recorder.echo(connection, line) }
    }) { _, port, journal in
      let client = try RawClient(port: port)
      client.send(Array(RawClient.request().utf8) + Frame.text("early").bytes() + Frame.ping([5]).bytes())
      #expect(client.head().hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
      let start = ContinuousClock.now
      #expect([client.frame(), client.frame(), client.frame()] == [.text("welcome"), .text("early"), .pong([5])])
      #expect(ContinuousClock.now - start < .seconds(10), "the answers waited for something")
      #expect(journal.all == ["opened", "early"])
    }
  }

  @Test func theRequestByteByByte() async throws {
    try await withListener { _, port, _ in
      let client = try RawClient(port: port)
      for byte in Array(RawClient.request().utf8) + Frame.text("slow").bytes() { client.send([byte]) }
      #expect(client.head().hasPrefix("HTTP/1.1 101 "))
      #expect(client.frame() == .text("slow"))
    }
  }

  @Test func theDecisionMayTakeTimeAndSeesTheRequest() async throws {
    let journal = Journal()
    let service = WebSocketService(authorize: { request in
      await Task.yield()
      journal.write("\(request) token \(request.queryValue("token") ?? "-") \(request.headerValue("x-device") ?? "-")")
      guard request.queryValue("token") == "good" else { return .refuse(PlainResponse(status: 403)) }
      return .accept { Recorder($0, journal, reply: Recorder.echo) }
    })
    try await withListener(service) { _, port in
      let refused = try RawClient(port: port)
      refused.send(RawClient.request("/ws/c?token=bad"))
      #expect(refused.head() == "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close")
      #expect(refused.remaining() == "")
      let accepted = try RawClient(port: port)
      // A frame while the decision is pending waits for it.
      accepted.send(RawClient.request("/ws/c?token=good", extra: "X-Device: d1\r\n"))
      accepted.send(.text("waiting"))
      #expect(accepted.head().hasPrefix("HTTP/1.1 101 "))
      #expect(accepted.frame() == .text("waiting"))
      #expect(journal.all == ["GET /ws/c token bad -", "GET /ws/c token good d1", "opened", "waiting"])
    }
  }

  @Test func plainRequests() async throws {
    let service = WebSocketService(
      authorize: { _ in .refuse(PlainResponse(status: 403)) },
      respond: { request in
        guard request.path == "/" else { return PlainResponse(status: 404) }
        return PlainResponse(
          status: 200, headers: [("Content-Type", "text/html")], body: ByteBuffer(string: "<p>\(request.method)"))
      })
    try await withListener(service) { _, port in
      func ask(_ request: String) throws -> String {
        let client = try RawClient(port: port)
        client.send(request + "\r\nHost: h\r\n\r\n")
        return client.remaining()
      }
      try #expect(
        ask("GET /?token=x HTTP/1.1")
          == "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<p>GET")
      try #expect(ask("HEAD / HTTP/1.1").hasSuffix("Content-Length: 7\r\nConnection: close\r\n\r\n"))
      try #expect(ask("GET /ws/x HTTP/1.1").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
      try #expect(ask("POST /ws/x HTTP/1.1\r\nContent-Length: 3").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
    }
  }

  @Test func badRequests() async throws {
    let journal = Journal()
    let service = WebSocketService(
      authorize: { _ in .refuse(PlainResponse(status: 403)) }, limitReached: { journal.write($0.rawValue) })
    try await withListener(service) { _, port in
      func ask(_ request: String) throws -> String {
        let client = try RawClient(port: port)
        client.send(request)
        return String(client.remaining().prefix(12))
      }
      try #expect(ask(RawClient.request(version: "1.0")) == "HTTP/1.1 400")
      try #expect(ask("\u{1}\u{2}\u{3} rubbish\r\n\r\n") == "HTTP/1.1 400")
      #expect(journal.all == [])
      let long = String(repeating: "a", count: 9_000)
      try #expect(ask(RawClient.request(extra: "X-Long: \(long)\r\n")) == "HTTP/1.1 431")
      try #expect(ask(RawClient.request("/" + long + long)) == "HTTP/1.1 431")
      let several = (0..<3).map { "X-\($0): \(String(repeating: "a", count: 6_000))\r\n" }.joined()
      try #expect(ask(RawClient.request(extra: several)) == "HTTP/1.1 431")
      let many = (0..<101).map { "X-\($0): 1\r\n" }.joined()
      try #expect(ask(RawClient.request(extra: many)) == "HTTP/1.1 431")
      #expect(journal.all == ["request_head", "request_head", "request_head", "request_head"])
    }
  }

  @Test func handshakesHaveADeadline() async throws {
    let journal = Journal()
    let service = WebSocketService(
      authorize: { _ in
        do {
          try await Task.sleep(for: .seconds(60))
        } catch {
          journal.write("cancelled")
        }
        return .refuse(PlainResponse(status: 403))
      }, limitReached: { journal.write($0.rawValue) })
    try await withListener(service) {
      $0.handshake_s = 1
    } _: { _, port in
      let silent = try RawClient(port: port)
      let slow = try RawClient(port: port)
      slow.send("GET /x HTTP/1.1\r\nHost:")
      let undecided = try RawClient(port: port)
      undecided.send(RawClient.request())
      #expect(silent.remaining() == "")
      #expect(slow.remaining() == "")
      #expect(undecided.remaining().hasPrefix("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"))
      try await journal.wait(for: "cancelled")
      #expect(journal.count(of: "handshake_time") == 3)
    }
  }

  @Test(arguments: [true, false]) func connectionsAreLimited(perAddress: Bool) async throws {
    try await withListener {
      perAddress ? ($0.connectionsPerAddress = 2) : ($0.connections = 2)
    } _: {
      listener, port, journal in
      let first = try RawClient.upgraded(port: port)
      let second = try RawClient.upgraded(port: port)
      let third = try RawClient(port: port)
      third.send(RawClient.request())
      #expect(third.remaining().hasPrefix("HTTP/1.1 503 "))
      #expect(journal.count(of: perAddress ? "limit connections_per_address" : "limit connections") == 1)
      third.close()
      first.close()
      try await waitUntil("room") { listener.connectionCount == 1 }
      // The refused one's place, too, is given back as soon as the server has seen its end.
      try await waitUntil("a place") { (try? RawClient.upgraded(port: port)) != nil }
      second.send(.text("still here"))
      #expect(second.frame() == .text("still here"))
    }
  }

  @Test func drainTellsEverybody() async throws {
    try await withListener { listener, port, journal in
      let first = try RawClient.upgraded(port: port)
      let second = try RawClient.upgraded(port: port)
      let waiting = try RawClient(port: port)
      let counter = Journal()
      let drain = Task {
        await listener.drain(grace: .seconds(20)) {
          counter.write("reason")
          return "retry in \(counter.count(of: "reason")) s"
        }
      }
      let reasons = [first.frame(), second.frame()].compactMap { $0 }
      #expect(reasons.allSatisfy { $0.code == 1012 })
      // Each socket has its own reason; the one that is still in its handshake takes one, too.
      #expect(Set(reasons.map(\.text)).count == 2)
      #expect(reasons.allSatisfy { ["retry in 1 s", "retry in 2 s", "retry in 3 s"].contains($0.text) })
      #expect(waiting.remaining() == "")
      first.send(.close(1012))
      #expect(first.frame() == nil)
      second.close()
      await drain.value
      #expect(journal.has("closed 1012 clean"))
      #expect(journal.has("closed 1006 unclean"))
      #expect(listener.connectionCount == 0)
      #expect(throws: POSIXError.self) { try RawClient(port: port) }
    }
  }

  @Test func drainDoesNotWaitForEver() async throws {
    try await withListener { listener, port, journal in
      let client = try RawClient.upgraded(port: port)
      await listener.drain(grace: .milliseconds(50))
      #expect(client.frame() == .close(1012))
      #expect(client.frame() == nil)
      try await journal.wait(for: "closed 1006 unclean")
    }
  }

  @Test func aSilentPeerIsPingedAndThenClosed() async throws {
    try await withListener {
      $0.keepalivePing_s = 1
      $0.keepalivePong_s = 1
    } _: { listener, port, journal in
      let client = try RawClient.upgraded(port: port)
      #expect(client.frame()?.opcode == 9)
      #expect(client.frame() == .close(1011, "keepalive ping timeout"))
      #expect(client.frame() == nil)
      try await journal.wait(for: "closed 1011 unclean")
      #expect(journal.has("limit keepalive"))
      client.close()
      try await waitUntil("gone") { listener.connectionCount == 0 }
    }
  }

  @Test func pongsKeepAConnection() async throws {
    try await withListener {
      $0.keepalivePing_s = 1
      $0.keepalivePong_s = 1
    } _: { _, port, journal in
      let client = try RawClient.upgraded(port: port)
      for _ in 0..<3 {
        let ping = try #require(client.frame())
        #expect(ping.opcode == 9)
        client.send(.pong(ping.payload))
      }
      client.send(.text("alive"))
      #expect(client.frame() == .text("alive"))
      #expect(journal.all == ["opened", "alive"])
    }
  }

  /// While the process stood still nobody could answer: that time does not count.
  @Test func aStallClosesNobody() async throws {
    // A loop of its own: other tests' sockets must not stand still with it.
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    defer { group.shutdownGracefully { _ in } }
    try await withListener(on: group) {
      $0.keepalivePing_s = 1
      $0.keepalivePong_s = 1
    } reply: { connection, line in
      // Longer than ping, pong and `Limits.stall_s` together.
      if line == "stall" { usleep(6_000_000) } else { Recorder.echo(connection, line) }
    } _: { _, port, journal in
      let client = try RawClient.upgraded(port: port)
      client.send(.text("stall"))
      for _ in 0..<3 {
        let ping = try #require(client.frame())
        #expect(ping.opcode == 9)
        client.send(.pong(ping.payload))
      }
      client.send(.text("alive"))
      #expect(client.frame() == .text("alive"))
      #expect(journal.all == ["opened", "stall", "alive"])
    }
  }

  /// The close frame of a failure arrives although the peer was still sending: no reset destroys it.
  @Test func theCauseOfAFailureIsHeard() async throws {
    try await withListener {
      $0.message_bytes = 1_000
    } _: { listener, port, journal in
      let frame = Frame.binary(Array(repeating: 1, count: 1_000_000)).bytes()
      for _ in 0..<20 {
        let client = try RawClient.upgraded(port: port)
        client.send(frame)
        #expect(client.frame() == .close(1009, "message too big"))
        #expect(client.frame() == nil)
      }
      try await waitUntil("all gone") { listener.connectionCount == 0 }
      #expect(journal.count(of: "closed 1009 unclean") == 20)
      #expect(journal.count(of: "limit message") == 20)
    }
  }

  @Test func closedComesExactlyOnce() async throws {
    try await withListener(reply: { connection, line in
      switch line {
      case "close":
        connection.close(.goingAway)
        connection.close(.normal)
        connection.send(text: "too late")
      case "drop":
        connection.drop()
        connection.drop()
        connection.send(text: "too late")
      default: break
      }
    }) { listener, port, journal in
      let vanishing = try RawClient.upgraded(port: port)
      vanishing.close()
      try await journal.wait(for: "closed 1006 unclean")
      let closing = try RawClient.upgraded(port: port)
      closing.send(.text("close"))
      #expect(closing.frame() == .close(1001))
      closing.send(.close(1001))
      #expect(closing.frame() == nil)
      let dropped = try RawClient.upgraded(port: port)
      dropped.send(.text("drop"), .text("never heard"))
      #expect(dropped.frame() == nil)
      let leaving = try RawClient.upgraded(port: port)
      leaving.send(.close(4000), .close(4001))
      #expect(leaving.frame() == .close(4000))
      #expect(leaving.frame() == nil)
      try await waitUntil("all gone") { listener.connectionCount == 0 }
      let ends = journal.all.filter { $0.hasPrefix("closed") }.sorted()
      #expect(ends == ["closed 1001 clean", "closed 1006 unclean", "closed 1006 unclean", "closed 4000 clean"])
      #expect(!journal.has("never heard"))
    }
  }
}

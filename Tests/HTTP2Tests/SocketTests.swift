import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import HTTP2

/// Over real sockets, with clients that were not written here.
@Suite(.serialized) struct SocketTests {
  @Test func curlPostsAndReadsTrailers() async throws {
    try await withServer { port in
      let body = String(repeating: "life", count: 100_000)
      let output = try await run(
        "/usr/bin/curl", "-sS", "--http2-prior-knowledge", "-i", "--data-binary", "@-", "http://127.0.0.1:\(port)/echo",
        input: body)
      #expect(output.hasPrefix("HTTP/2 200"))
      #expect(output.contains(body))
      #expect(output.contains("grpc-status: 0"))
    }
  }

  @Test func nghttpMultiplexes() async throws {
    try await withServer { port in
      let url = "http://127.0.0.1:\(port)/"
      let output = try await run("/usr/bin/nghttp", "-v", "-m", "20", url + "a", url + "b", input: "")
      #expect(output.components(separatedBy: "grpc-status: 0").count - 1 == 40)
      #expect(!output.contains("RST_STREAM"))
    }
  }

  @Test func h2loadSucceedsAndNothingIsLeft() async throws {
    let counter = LiveCounter()
    try await withServer(counter) { port in
      let output = try await run(
        "/usr/bin/h2load", "-n", "2000", "-c", "8", "-m", "32", "-d", #filePath, "http://127.0.0.1:\(port)/x",
        input: "")
      #expect(output.contains("2000 succeeded, 0 failed, 0 errored"))
      try await waitUntil { counter.connections == 0 }
    }
    #expect(counter.streams == 0)
  }

  @Test func overAUnixSocket() async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("http2-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    let path = directory.appendingPathComponent("s").path
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = try await bootstrap(group, LiveCounter()).bind(unixDomainSocketPath: path).get()
    let output = try await run(
      "/usr/bin/curl", "-sS", "--http2-prior-knowledge", "--unix-socket", path, "-d", "hello", "http://localhost/",
      input: "")
    #expect(output == "hello")
    try await server.close().get()
    try await group.shutdownGracefully()
  }

  /// Our client against our server, over TCP, from the client's own loop.
  @Test func ownClientOverTCP() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await withServer { port in
      let done = group.next().makePromise(of: Int.self)
      let channel = try await ClientBootstrap(group: group).channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let connection = try HTTP2ConnectionHandler.install(
            on: channel, role: .client, configuration: HTTP2Configuration(), delegate: RecordingDelegate())
          let recorder = Recorder()
          recorder.onEvent = { recorder, _, event in
            if case .closed(.noError) = event { done.succeed(recorder.body.count) }
            if case .closed(let code) = event, code != .noError { done.fail(HTTP2Error.connectionClosing) }
          }
          let stream = try connection.openStream(headers: Pair.requestFields, endStream: false, handler: recorder)
          stream.send(ByteBuffer(repeating: 7, count: 2_000_000))
          stream.finish()
        }
      }.connect(host: "127.0.0.1", port: port).get()
      #expect(try await done.futureResult.get() == 2_000_000)
      try await channel.close().get()
    }
    try await group.shutdownGracefully()
  }

  // MARK: Server and processes

  private func bootstrap(_ group: any EventLoopGroup, _ counter: LiveCounter) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 256)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let delegate = CountingDelegate(counter)
          try HTTP2ConnectionHandler.install(
            on: channel, role: .server, configuration: HTTP2Configuration(), delegate: delegate)
          return
        }
      }
  }

  private func withServer(
    _ counter: LiveCounter = LiveCounter(), _ body: (Int) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server = try await bootstrap(group, counter).bind(host: "127.0.0.1", port: 0).get()
    try await body(try #require(server.localAddress?.port))
    try await server.close().get()
    try await group.shutdownGracefully()
  }

  /// Runs a program to its end and returns what it printed.
  private func run(_ path: String, _ arguments: String..., input: String) async throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let output = Pipe()
    let stdin = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = stdin
    try process.run()
    let writer = stdin.fileHandleForWriting
    let reader = output.fileHandleForReading
    return try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        try? writer.write(contentsOf: Data(input.utf8))
        try? writer.close()
      }
      Thread.detachNewThread {
        let data = (try? reader.readToEnd()) ?? Data()
        process.waitUntilExit()
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
    }
  }
}

/// Counts live connections and streams over all connections of a server.
final class LiveCounter: Sendable {
  private let counts = Mutex((connections: 0, streams: 0))
  var connections: Int { counts.withLock { $0.connections } }
  var streams: Int { counts.withLock { $0.streams } }
  func addConnections(_ count: Int) { counts.withLock { $0.connections += count } }
  func addStreams(_ count: Int) { counts.withLock { $0.streams += count } }
}

private final class CountingDelegate: HTTP2ConnectionDelegate {
  private let counter: LiveCounter
  init(_ counter: LiveCounter) {
    self.counter = counter
    counter.addConnections(1)
  }
  func accept(_ stream: HTTP2Stream, on connection: HTTP2ConnectionHandler) -> any HTTP2StreamHandler {
    counter.addStreams(1)
    let recorder = Recorder()
    recorder.onEvent = { [counter] recorder, stream, event in
      Answers.echo(recorder, stream, event)
      if case .closed = event { counter.addStreams(-1) }
    }
    return recorder
  }
  func connectionClosed(_ connection: HTTP2ConnectionHandler) { counter.addConnections(-1) }
}

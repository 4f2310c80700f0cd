import Foundation
import Logging
import NIOCore
import NIOPosix
import Protobuf
import RPC
import TLS
import Testing

/// gRPC with TLS below.
@Suite struct RPCOverTLSTests {
  private static let echo = Method<RawMessage, RawMessage>("test.Test", "Echo", .unary)
  private static let scheme = Method<RawMessage, RawMessage>("test.Test", "Many", .serverStreaming)

  private func withServer(
    _ tls: ReloadableTLSContext?, addresses: [ListenAddress] = [.tcp(host: "127.0.0.1", port: 0)],
    _ body: ([ListenAddress]) async throws -> Void
  ) async throws {
    var router = ServerRouter()
    router.register(unary: Self.echo) { request, _ in request }
    router.register(serverStreaming: Self.scheme) { request, responses, _ in
      for _ in 0..<200 { try await responses.write(request) }
    }
    let policy = ServerPolicy(router: router, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let server = GRPCServer(
      configuration: .init(addresses: addresses, tls: tls), policy: policy, group: MultiThreadedEventLoopGroup.singleton
    )
    do {
      try await body(try await server.start())
    } catch {
      await server.stop(grace: .zero)
      throw error
    }
    await server.stop(grace: .seconds(5))
    #expect(await server.liveCounts() == (0, 0))
  }

  private func channel(
    _ address: ListenAddress, _ tls: TLSContext?, name: String? = nil, authority: String? = nil
  ) -> NetworkChannel {
    NetworkChannel(
      address, authority: authority, tls: tls.map { ReloadableTLSContext($0) }, serverName: name,
      group: MultiThreadedEventLoopGroup.singleton)
  }

  private let options = CallOptions(timeout: .seconds(20))

  @Test func callsAndStreams() async throws {
    try await withServer(ReloadableTLSContext(Contexts.server())) { addresses in
      let channel = try channel(addresses[0], Contexts.client())
      let big = RawMessage(bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0) })
      #expect(try await channel.unary(Self.echo, big, options: options).bytes == big.bytes)
      let piece = RawMessage(bytes: Array(repeating: 7, count: 20_000))
      var count = 0
      for try await response in channel.serverStreaming(Self.scheme, piece, options: options) {
        #expect(response.bytes.count == 20_000)
        count += 1
      }
      #expect(count == 200)
      await channel.shutdown()
    }
  }

  @Test func theAuthorityIsWhoseCertificateIsExpected() async throws {
    try await withServer(ReloadableTLSContext(Contexts.server())) { addresses in
      let request = RawMessage(bytes: [1])
      for (name, authority) in [("localhost", nil), (nil, "echo.example:443"), (nil, nil)] as [(String?, String?)] {
        let channel = try channel(addresses[0], Contexts.client(), name: name, authority: authority)
        #expect(try await channel.unary(Self.echo, request, options: options).bytes == [1])
        await channel.shutdown()
      }
    }
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var ca: String? = Contexts.files.ca
    var name: String?
    var isServerSecure = true
    let words: String
  }

  static let refusals = [
    Refusal(testDescription: "foreign authority", ca: Contexts.files.otherCA, words: "unable to get local issuer"),
    Refusal(testDescription: "foreign name", name: "example.org", words: "hostname mismatch"),
    Refusal(testDescription: "plaintext client", ca: nil, words: "closed the connection"),
    Refusal(testDescription: "plaintext server", isServerSecure: false, words: "does not speak TLS"),
  ]

  @Test(arguments: refusals) func callsFailWithTheReason(_ row: Refusal) async throws {
    let tls = row.isServerSecure ? ReloadableTLSContext(try Contexts.server()) : nil
    try await withServer(tls) { addresses in
      let channel = channel(addresses[0], try row.ca.map { try Contexts.client(ca: $0) }, name: row.name)
      let error = await #expect(throws: Status.self) {
        try await channel.unary(Self.echo, RawMessage(bytes: []), options: options)
      }
      #expect(error?.code == .unavailable)
      #expect(error?.message.contains(row.words) == true, "\(String(describing: error))")
      await channel.shutdown()
    }
  }

  @Test func unixSocketsStayPlain() async throws {
    let path = TestCertificates.shared.directory + "/s"
    try await withServer(
      ReloadableTLSContext(Contexts.server()), addresses: [.tcp(host: "127.0.0.1", port: 0), .unix(path: path)]
    ) { addresses in
      let plain = channel(addresses[1], nil)
      #expect(try await plain.unary(Self.echo, RawMessage(bytes: [5]), options: options).bytes == [5])
      await plain.shutdown()
      let secure = try channel(addresses[0], Contexts.client())
      #expect(try await secure.unary(Self.echo, RawMessage(bytes: [6]), options: options).bytes == [6])
      await secure.shutdown()
    }
  }

  @Test func curlSpeaksHTTP2() async throws {
    try await withServer(ReloadableTLSContext(Contexts.server())) { addresses in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
      process.arguments = [
        "-sS", "--http2", "--cacert", Contexts.files.ca, "-o", "/dev/null", "-w", "%{http_version} %{response_code}",
        "-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "x",
        "https://\(addresses[0])/test.Test/Echo",
      ]
      let output = Pipe()
      process.standardOutput = output
      try process.run()
      process.waitUntilExit()
      #expect(String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) == "2 200")
    }
  }
}

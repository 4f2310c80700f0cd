import Foundation
import NIOCore
import NIOPosix
import TLS
import TestSupport
import Testing

@testable import WebSocket

/// wss: the same listener behind libssl.
@Suite(.serialized) struct SecureSocketTests {
  /// A certificate for localhost, and its key, in a directory that `body` alone knows.
  private func withCertificate(_ body: (_ certificate: String, _ key: String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("websocket-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(at: directory) }
    let certificate = directory.appendingPathComponent("certificate.pem").path
    let key = directory.appendingPathComponent("key.pem").path
    let openssl = Process()
    openssl.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    openssl.arguments = [
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
      "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
    ]
    openssl.standardError = FileHandle.nullDevice
    try openssl.run()
    openssl.waitUntilExit()
    #expect(openssl.terminationStatus == 0)
    try await body(certificate, key)
  }

  @Test func messagesOfEverySizeAndTheCloseHandshake() async throws {
    try await withCertificate { certificate, key in
      let serverContext = try TLSContext.server(certificateChainFile: certificate, keyFile: key, alpn: .http1)
      let clientContext = try TLSContext.client(caFile: certificate, alpn: .http1)
      let server = Journal()
      let service = WebSocketService(authorize: { request in
        server.write("secure \(request.isSecure)")
        return .accept { Recorder($0, server, reply: Recorder.echo) }
      })
      let listener = try await WebSocketListener.bind(
        .tcp(host: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton,
        makeTLSHandler: { try TLSHandler(context: serverContext) }, service: service)
      let heard = Journal()
      let client = WebSocketClient(group: MultiThreadedEventLoopGroup.singleton)
      let connection = try await client.connect(
        to: .tcp(host: "127.0.0.1", port: listener.localAddress?.port ?? 0), target: "/x",
        makeTLSHandler: { try TLSHandler(context: clientContext, serverName: "localhost") }
      ) { Recorder($0, heard) }
      let texts = [1, 100, 5_000, 70_000, 400_000].map { String(repeating: "言", count: $0 / 3 + 1) } + ["last"]
      connection.eventLoop.execute { for text in texts { connection.send(text: text) } }
      try await heard.wait(for: "last")
      #expect(heard.all.filter { !$0.hasPrefix("writable") } == ["opened"] + texts)
      #expect(server.all.first == "secure true")
      connection.eventLoop.execute { connection.close(.normal) }
      try await heard.wait(for: "closed 1000 clean")
      try await server.wait(for: "closed 1000 clean")
      try await waitUntil("gone") { listener.connectionCount == 0 }
      await listener.stop()
    }
  }

  @Test func whoSpeaksNoTLSIsClosed() async throws {
    try await withCertificate { certificate, key in
      let context = try TLSContext.server(certificateChainFile: certificate, keyFile: key, alpn: .http1)
      let service = WebSocketService(authorize: { _ in .refuse(PlainResponse(status: 403)) })
      let listener = try await WebSocketListener.bind(
        .tcp(host: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton,
        configuration: WebSocketConfiguration(), makeTLSHandler: { try TLSHandler(context: context) },
        service: service)
      let client = try RawClient(port: listener.localAddress?.port ?? 0)
      client.send(RawClient.request())
      #expect(!client.remaining().contains("HTTP/1.1 101"))
      await listener.stop()
    }
  }
}

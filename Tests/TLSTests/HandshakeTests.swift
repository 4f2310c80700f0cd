import COpenSSL
import NIOCore
import NIOEmbedded
import TLS
import Testing

@Suite struct HandshakeTests {
  @Test func bothEndsAgree() throws {
    let pair = try EmbeddedPair.open()
    for side in [pair.client, pair.server] {
      #expect(side.end.events == ["handshake", "active"])
      let agreement = try #require(side.end.agreement)
      #expect(agreement.applicationProtocol == "h2")
      #expect(agreement.version == "TLSv1.3")
      #expect(agreement.cipher.hasPrefix("TLS_"))
      #expect(!agreement.isResumed)
    }
  }

  @Test(arguments: [1, 2, 7, 1000]) func bytesMayComeInAnyPieces(_ piece: Int) throws {
    let pair = try EmbeddedPair(server: Contexts.server(), client: Contexts.client())
    try pair.pump(piece: piece)
    #expect(pair.client.end.events == ["handshake", "active"])
    let text = String(repeating: "慢慢说", count: 3_000)
    try pair.client.write(text)
    try pair.server.write("嗯")
    try pair.pump(piece: piece)
    #expect(pair.server.end.text == text)
    #expect(pair.client.end.text == "嗯")
  }

  struct Trust: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var name = "localhost"
    var server = Contexts.files.server
    var ca = Contexts.files.ca
    /// Of the client's error; nil: accepted.
    let problem: String?
  }

  static let trust = [
    Trust(testDescription: "a name of the certificate", problem: nil),
    Trust(testDescription: "another name of it", name: "echo.example", problem: nil),
    Trust(testDescription: "the root's dot", name: "echo.example.", problem: nil),
    Trust(testDescription: "an address of it", name: "127.0.0.1", problem: nil),
    Trust(testDescription: "trusted as it is", ca: Contexts.files.server.certificate, problem: nil),
    Trust(testDescription: "a foreign name", name: "example.org", problem: "hostname mismatch"),
    Trust(testDescription: "a foreign address", name: "127.0.0.2", problem: "IP address mismatch"),
    Trust(testDescription: "expired", server: Contexts.files.expired, problem: "certificate has expired"),
    Trust(
      testDescription: "a foreign authority", ca: Contexts.files.otherCA,
      problem: "unable to get local issuer certificate"),
  ]

  @Test(arguments: trust) func certificatesAreVerified(_ row: Trust) throws {
    let server = try TLSContext.server(
      certificateChainFile: row.server.certificate, keyFile: row.server.key, alpn: .h2)
    let pair = try EmbeddedPair(server: server, client: Contexts.client(ca: row.ca), name: row.name)
    try pair.pump()
    guard let problem = row.problem else {
      #expect(pair.client.end.events == ["handshake", "active"])
      return
    }
    let error = try #require(pair.client.end.error)
    #expect(error.reason == .certificate)
    #expect(error.description.contains(problem), "\(error)")
    #expect(pair.client.end.events == ["error", "inactive"])
    #expect(pair.server.end.error?.reason == .refused)
    #expect(!pair.server.channel.isActive)
  }

  struct Protocols: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let server: ALPN
    let client: ALPN
    /// nil: refused.
    let agreed: String?
  }

  static let protocols = [
    Protocols(
      testDescription: "the server's order counts", server: ALPN(["h2", "http/1.1"], isRequired: false),
      client: ALPN(["http/1.1", "h2"], isRequired: false), agreed: "h2"),
    Protocols(testDescription: "http/1.1", server: .http1, client: .http1, agreed: "http/1.1"),
    Protocols(testDescription: "no overlap", server: .h2, client: .http1, agreed: nil),
    Protocols(testDescription: "no overlap, not required", server: .http1, client: .h2, agreed: nil),
  ]

  @Test(arguments: protocols) func protocolsAreNegotiated(_ row: Protocols) throws {
    let pair = try EmbeddedPair(server: Contexts.server(row.server), client: Contexts.client(row.client))
    try pair.pump()
    #expect(pair.client.end.agreement?.applicationProtocol == row.agreed)
    if row.agreed == nil {
      #expect(pair.server.end.error?.reason == .applicationProtocol)
      #expect(pair.client.end.error?.reason == .refused)
      #expect("\(try #require(pair.client.end.error))".contains("no application protocol"))
    }
  }

  @Test(arguments: [true, false]) func aClientWithoutALPN(isRequired: Bool) throws {
    let server = try EmbeddedPair.Side(
      TLSHandler(context: Contexts.server(isRequired ? .h2 : .http1)))
    try server.connect()
    let client = RawClient(version: TLS1_3_VERSION, alpn: nil)
    try client.talk(to: server)
    if isRequired {
      #expect(server.end.error?.reason == .applicationProtocol)
      #expect(client.lastError.contains("no application protocol"), "\(client.lastError)")
    } else {
      #expect(server.end.agreement?.applicationProtocol == .some(nil))
      #expect(client.isDone)
    }
  }

  @Test(
    arguments: [
      (TLS1_3_VERSION, nil, true), (TLS1_2_VERSION, nil, true), (TLS1_1_VERSION, nil, false),
      (TLS1_VERSION, nil, false),
      (TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", true), (TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA", false),
    ] as [(Int32, String?, Bool)])
  func versionsAndCiphers(_ version: Int32, _ ciphers: String?, _ isAccepted: Bool) throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    let client = RawClient(version: version, ciphers: ciphers)
    try client.talk(to: server)
    #expect(client.isDone == isAccepted)
    #expect((server.end.agreement != nil) == isAccepted)
    if !isAccepted {
      #expect(server.end.error != nil)
      #expect(!server.channel.isActive)
      #expect(!client.lastError.isEmpty)
    }
  }

  @Test(arguments: [
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}",
  ])
  func aClientWithoutTLSIsClosed(_ greeting: String) throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    server.channel.pipeline.fireChannelRead(ByteBuffer(string: greeting))
    server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(server.end.error?.reason == .version, "\(server.end.errors)")
    #expect(!server.channel.isActive)
    #expect(server.end.received.readableBytes == 0)
  }

  @Test func aSilentClientIsClosed() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(9_999))
    #expect(server.channel.isActive)
    server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
    #expect(server.end.error?.reason == .timeout)
    #expect(!server.channel.isActive)
  }

  @Test func anOpenConnectionHasNoTimeout() throws {
    let pair = try EmbeddedPair.open()
    for side in [pair.client, pair.server] { side.channel.embeddedEventLoop.advanceTime(by: .hours(1)) }
    try pair.client.write("still here")
    try pair.pump()
    #expect(pair.server.end.text == "still here")
  }

  @Test func anEndlessHandshakeIsRefused() throws {
    let server = try EmbeddedPair.Side(TLSHandler(context: Contexts.server()))
    try server.connect()
    // Handshake records that announce a message of 100 kB and never complete it.
    var first = ByteBuffer(bytes: [22, 3, 1, 0x40, 0x00, 1, 0x01, 0x86, 0xA0])
    first.writeRepeatingByte(0, count: (16 << 10) - 4)
    var record = ByteBuffer(bytes: [22, 3, 1, 0x40, 0x00])
    record.writeRepeatingByte(0, count: 16 << 10)
    server.channel.pipeline.fireChannelRead(first)
    for _ in 0..<17 where server.channel.isActive {
      server.channel.pipeline.fireChannelRead(record)
      server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
    }
    server.channel.embeddedEventLoop.advanceTime(by: .seconds(1))
    #expect(server.end.error != nil)
    #expect(!server.channel.isActive)
  }

  @Test func clientsShowCertificatesWhenAsked() throws {
    let server = try Contexts.server(clientCA: Contexts.files.ca)
    let known = try EmbeddedPair(server: server, client: Contexts.client(identity: Contexts.files.client))
    try known.pump()
    #expect(known.server.end.events == ["handshake", "active"])
    try known.client.write("hello")
    try known.pump()
    #expect(known.server.end.text == "hello")

    let unknown = try EmbeddedPair(server: server, client: Contexts.client())
    try unknown.pump()
    #expect(unknown.server.end.error?.reason == .certificate)
    #expect(unknown.client.end.error?.reason == .refused)
  }

  @Test(arguments: [nil, "", "a b", String(repeating: "x", count: 254)]) func clientsNameTheirServer(_ name: String?)
    throws
  {
    let context = try Contexts.client()
    #expect(throws: TLSError.self) { try TLSHandler(context: context, serverName: name) }
  }
}

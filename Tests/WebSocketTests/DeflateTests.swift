import NIOCore
import Testing

@testable import WebSocket

/// RFC 7692 on sessions.
struct DeflateTests {
  static let full = DeflateParameters(ownWindowBits: 15, ownTakeover: true, peerWindowBits: 15, peerTakeover: true)

  struct Example: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var payloads: [[UInt8]]
  }
  /// RFC 7692 §7.2.3, each "Hello" or twice that.
  static let examples = [
    Example(testDescription: "one block", payloads: [[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]),
    Example(
      testDescription: "shared window",
      payloads: [[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], [0xf2, 0x00, 0x11, 0x00, 0x00]]),
    Example(
      testDescription: "no compression", payloads: [[0, 5, 0, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0]]),
    Example(testDescription: "BFINAL", payloads: [[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]),
    Example(
      testDescription: "BFINAL, then the window again",
      payloads: [[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], [0xf2, 0x00, 0x11, 0x00, 0x00]]),
    Example(
      testDescription: "two blocks",
      payloads: [[0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]),
  ]

  @Test(arguments: examples, [nil, 1]) func examplesOfTheStandard(example: Example, step: Int?) {
    var subject = Subject(deflate: Self.full)
    for payload in example.payloads {
      #expect(subject.feed(Frame.compressed(payload).bytes(), step: step) == [.text("Hello")])
    }
    var fragmented = Subject(deflate: Self.full)
    for payload in example.payloads {
      let heard = fragmented.feed(
        .compressed(Array(payload.prefix(3)), isFinal: false), .ping(),
        Frame(opcode: 0, payload: Array(payload.dropFirst(3))))
      #expect(heard == [.text("Hello")])
    }
  }

  @Test func uncompressedMessagesPassUnchanged() {
    var subject = Subject(deflate: Self.full)
    #expect(
      subject.feed(.compressed(Self.examples[0].payloads[0]), .text("plain")) == [.text("Hello"), .text("plain")])
  }

  @Test(arguments: [
    [0xff, 0xff, 0xff], [0xf2, 0x48, 0xcd], [0x00, 0x05, 0x00, 0x00, 0x00], [0x07], [0x02, 0x03, 0x05],
  ]) func corruptData(payload: [UInt8]) {
    var subject = Subject(deflate: Self.full)
    #expect(subject.feed(Frame.compressed(payload)) == [.ended(1007, clean: false)])
  }

  @Test func referencesBeforeTheBeginning() {
    // The second message of the shared-window example without the first.
    var subject = Subject(deflate: Self.full)
    #expect(subject.feed(.compressed([0xf2, 0x00, 0x11, 0x00, 0x00])) == [.ended(1007, clean: false)])
    // And when the peer had promised not to refer back.
    var forgetting = Self.full
    forgetting.peerTakeover = false
    var strict = Subject(deflate: forgetting)
    #expect(strict.feed(.compressed(Self.examples[0].payloads[0])) == [.text("Hello")])
    #expect(strict.feed(.compressed([0xf2, 0x00, 0x11, 0x00, 0x00])) == [.ended(1007, clean: false)])
  }

  @Test func compressedTextMustBeUTF8() throws {
    var subject = Subject(deflate: Self.full)
    #expect(subject.feed(.compressed(try deflated([0x61, 0xff]))) == [.ended(1007, clean: false)])
    var cut = Subject(deflate: Self.full)
    #expect(cut.feed(.compressed(try deflated([0xe5, 0xae]))) == [.ended(1007, clean: false)])
  }

  @Test func continuationsCarryNoReservedBit() {
    var subject = Subject(deflate: Self.full)
    let heard = subject.feed(.compressed([0xf2], isFinal: false), .compressed([0x48], opcode: 0))
    #expect(heard == [.ended(1002, clean: false)])
  }

  @Test func aBombIsStoppedAtTheBound() throws {
    let bomb = try deflated([UInt8](repeating: 0x61, count: 1 << 20))
    #expect(bomb.count < 5_000)
    var over = Subject(deflate: Self.full) { $0.message_bytes = (1 << 20) - 1 }
    #expect(over.feed(.compressed(bomb)) == [.ended(1009, clean: false)])
    var exact = Subject(deflate: Self.full) { $0.message_bytes = 1 << 20 }
    #expect(exact.feed(.compressed(bomb, opcode: 2)).count == 1)
    #expect(exact.said() == [])
  }

  @Test func incompressibleMessagesMayBeAsLongAsOthers() throws {
    var random = SystemRandomNumberGenerator()
    let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let stored = try deflated(noise)
    #expect(stored.count > noise.count)
    var subject = Subject(deflate: Self.full) { $0.message_bytes = 200_000 }
    #expect(subject.feed(.compressed(stored, opcode: 2)) == [.binary(noise)])
  }

  static let parameters: [DeflateParameters] = [8, 9, 12, 15].flatMap { bits in
    [true, false].map { takeover in
      DeflateParameters(ownWindowBits: bits, ownTakeover: takeover, peerWindowBits: bits, peerTakeover: takeover)
    }
  }

  /// Our two ends talk to each other, sizes from nothing to more than a window, text and noise.
  @Test(arguments: parameters) func bothEnds(parameters: DeflateParameters) {
    var random = SystemRandomNumberGenerator()
    var server = Subject(deflate: parameters) { $0.deflate?.threshold_bytes = 1 }
    var client = Subject(.client, deflate: parameters) { $0.deflate?.threshold_bytes = 1 }
    for round in 0..<60 {
      let count = [0, 1, 10, 100, 300, 1_000, 5_000, 40_000][round % 8]
      let payload: [UInt8] =
        round % 3 == 0
        ? (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        : Array(String(repeating: "{\"type\":\"text\",\"data\":\(round)}", count: count / 25 + 1).utf8)
      server.send(.binary, payload)
      let down = Array(server.output.readableBytesView)
      server.output.clear()
      #expect(client.feed(down, step: 1_500) == [.binary(payload)])
      client.send(.binary, payload)
      let up = Array(client.output.readableBytesView)
      client.output.clear()
      #expect(server.feed(up, step: 1_500) == [.binary(payload)])
    }
  }

  @Test func takeoverMakesRepetitionShorter() {
    let payload = Array(
      "{\"type\":\"agent_response\",\"data\":{\"text\":\"您小时候住在哪里?\",\"index\":0,\"total\":1},\"conversation_id\":\"c-123456\"}"
        .utf8)
    func lengths(takeover: Bool) -> [Int] {
      var parameters = Self.full
      parameters.ownTakeover = takeover
      var subject = Subject(deflate: parameters) { $0.deflate?.threshold_bytes = 1 }
      return (0..<3).map { _ in
        subject.send(.text, payload)
        return subject.said()[0].payload.count
      }
    }
    let with = lengths(takeover: true)
    let without = lengths(takeover: false)
    #expect(with[1] < with[0] / 2)
    #expect(without[1] == without[0])
  }

  @Test func shortLongAndIncompressibleMessagesGoOutAsTheyAre() {
    var subject = Subject(deflate: Self.full)
    subject.send(.text, Array(repeating: 0x61, count: Limits.deflateThreshold_bytes - 1))
    subject.send(.text, Array(repeating: 0x61, count: Limits.deflateThreshold_bytes))
    subject.send(.text, Array(repeating: 0x61, count: Limits.deflateCeiling_bytes + 1))
    var random = SystemRandomNumberGenerator()
    subject.send(.binary, (0..<500).map { _ in UInt8.random(in: 0...255, using: &random) })
    #expect(subject.said().map(\.reserved) == [0, 4, 0, 0])
  }

  @Test func memoryIsGivenBackAfterTenSecondsOfSilence() throws {
    var subject = Subject(deflate: Self.full, now_s: 100) { $0.keepalivePing_s = 0 }
    let payload = Array(String(repeating: "生于一九五二年。", count: 100).utf8)
    subject.send(.text, payload)
    _ = subject.said()
    #expect(subject.session.outboundHistory.bytes.count == payload.count)
    #expect(subject.session.deadline_s == 110)
    _ = subject.wait(until: 109)
    #expect(!subject.session.outboundHistory.bytes.isEmpty)
    _ = subject.wait(until: 110)
    #expect(subject.session.outboundHistory.bytes.isEmpty)
    // The peer does not know and need not: what follows stands alone.
    subject.send(.text, payload)
    let frame = subject.said()[0]
    var client = Subject(.client, deflate: Self.full)
    #expect(client.feed(frame) == [.text(String(decoding: payload, as: UTF8.self))])
  }

  @Test func anIdleSessionHoldsNoZlibState() {
    var subject = Subject(deflate: Self.full)
    #expect(subject.feed(.compressed(Self.examples[0].payloads[0])) == [.text("Hello")])
    #expect(subject.session.assembly == nil)
    #expect(subject.session.inboundHistory.bytes == Array("Hello".utf8))
    #expect(MemoryLayout<WebSocketSession>.size <= 256)
  }

  @Test(arguments: [0, 1, 99, 100, 101, 250]) func historyKeepsTheLastBytes(count: Int) {
    var history = MessageHistory()
    var all: [UInt8] = []
    for round in 0..<5 {
      let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 + round) }
      all += message
      message.withUnsafeBytes { history.append($0, window_bytes: 100) }
      #expect(history.bytes == Array(all.suffix(100)))
      history.shrink()
      #expect(history.bytes == Array(all.suffix(100)))
    }
  }

  private func deflated(_ bytes: [UInt8]) throws -> [UInt8] {
    let deflater = try #require(Deflater(windowBits: 15))
    var output = ByteBuffer()
    let isDone = bytes.withUnsafeBytes { deflater.deflate($0, history: [], into: &output) }
    #expect(isDone)
    return Array(output.readableBytesView)
  }
}

/// RFC 7692 §5 and §7.1: what is offered and what is answered.
struct DeflateNegotiationTests {
  private func answer(_ header: String, _ change: (inout DeflateConfiguration) -> Void = { _ in }) -> String? {
    var configuration = DeflateConfiguration()
    change(&configuration)
    for offer in ExtensionOffer.parse(header) ?? [] where offer.name == DeflateOffer.name {
      if let offer = DeflateOffer(offer.parameters) { return offer.accepted(configuration).answer.headerValue }
    }
    return nil
  }

  @Test(arguments: [
    ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=12"),
    ("permessage-deflate;client_max_window_bits=15", "permessage-deflate; client_max_window_bits=12"),
    ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"),
    ("permessage-deflate", "permessage-deflate; client_no_context_takeover"),
    (
      "Permessage-Deflate; server_max_window_bits=10; client_max_window_bits",
      "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"
    ),
    (
      "permessage-deflate; server_max_window_bits=\"8\"; client_max_window_bits",
      "permessage-deflate; server_max_window_bits=8; client_max_window_bits=12"
    ),
    (
      "permessage-deflate; server_no_context_takeover; client_max_window_bits",
      "permessage-deflate; server_no_context_takeover; client_max_window_bits=12"
    ),
    (
      "permessage-deflate; client_no_context_takeover; client_max_window_bits=10",
      "permessage-deflate; client_no_context_takeover; client_max_window_bits=10"
    ),
    (
      "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits",
      "permessage-deflate; client_max_window_bits=12"
    ),
    // The first one cannot be met, the second one can.
    (
      "permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits",
      "permessage-deflate; client_max_window_bits=12"
    ),
  ]) func acceptedOffers(header: String, expected: String) {
    #expect(answer(header) == expected)
  }

  @Test(arguments: [
    "", "permessage-bzip2", "permessage-deflate; unknown", "permessage-deflate; server_max_window_bits",
    "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
    "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; client_max_window_bits=7",
    "permessage-deflate; client_no_context_takeover=1", "permessage-deflate; server_no_context_takeover=true",
    "permessage-deflate; client_max_window_bits; client_max_window_bits", "permessage-deflate; =",
    "permessage-deflate;",
    "permessage-deflate; client_max_window_bits=\"", "permessage deflate", ";",
    "permessage-deflate" + String(repeating: "; a", count: 100),
  ]) func declinedOffers(header: String) {
    #expect(answer(header) == nil)
  }

  @Test func fullWindowsWhereWanted() {
    #expect(answer("permessage-deflate") { $0.boundsPeerHistory = false } == "permessage-deflate")
    let wide = answer("permessage-deflate; client_max_window_bits; server_max_window_bits=15") {
      $0.ownWindowBits = 15
      $0.peerWindowBits = 15
    }
    #expect(wide == "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15")
  }

  @Test(arguments: [
    ("permessage-deflate", true), ("permessage-deflate; client_max_window_bits=10", true),
    ("permessage-deflate; server_max_window_bits=10", true), ("permessage-deflate; client_no_context_takeover", true),
    ("permessage-deflate; client_max_window_bits", false), ("permessage-deflate; server_max_window_bits=16", false),
    ("permessage-deflate; unknown", false),
  ]) func answersToAClient(header: String, isAgreed: Bool) {
    var offer = DeflateOffer()
    offer.clientWindowBits = .some(nil)
    let answer = ExtensionOffer.parse(header).flatMap { DeflateOffer($0[0].parameters) }
    #expect((answer?.agreed(to: offer, DeflateConfiguration()) != nil) == isAgreed)
  }

  @Test func aClientHoldsTheServerToWhatItAskedFor() {
    var offer = DeflateOffer()
    offer.serverNoContextTakeover = true
    #expect(DeflateOffer().agreed(to: offer, DeflateConfiguration()) == nil)
    offer = DeflateOffer()
    offer.serverWindowBits = 10
    #expect(DeflateOffer().agreed(to: offer, DeflateConfiguration()) == nil)
    var unasked = DeflateOffer()
    unasked.clientWindowBits = .some(10)
    #expect(unasked.agreed(to: DeflateOffer(), DeflateConfiguration()) == nil)
  }
}

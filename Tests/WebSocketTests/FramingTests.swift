import NIOCore
import Testing

@testable import WebSocket

/// RFC 6455 §5: the rules of frames, each broken once.
struct FramingTests {
  struct Violation: CustomTestStringConvertible, Sendable {
    var name: String
    var bytes: [UInt8]
    var code: UInt16 = 1002
    var testDescription: String { name }
  }

  static let key: [UInt8] = [1, 2, 3, 4]
  static let violations = [
    Violation(name: "RSV1 without an extension", bytes: Frame.compressed([]).bytes()),
    Violation(name: "RSV2", bytes: Frame(reserved: 2, opcode: 1).bytes()),
    Violation(name: "RSV3", bytes: Frame(reserved: 1, opcode: 1).bytes()),
    Violation(name: "RSV1 on a ping", bytes: Frame(reserved: 4, opcode: 9).bytes()),
    Violation(name: "opcode 3", bytes: Frame(opcode: 3).bytes()),
    Violation(name: "opcode 7", bytes: Frame(opcode: 7).bytes()),
    Violation(name: "opcode 11", bytes: Frame(opcode: 11).bytes()),
    Violation(name: "opcode 15", bytes: Frame(opcode: 15).bytes()),
    Violation(name: "fragmented ping", bytes: Frame(isFinal: false, opcode: 9).bytes()),
    Violation(name: "fragmented close", bytes: Frame(isFinal: false, opcode: 8).bytes()),
    Violation(name: "ping of 126 bytes", bytes: [0x89, 0xfe, 0, 126] + key),
    Violation(name: "no mask", bytes: Frame.text("x").bytes(key: nil)),
    Violation(name: "no mask on a close", bytes: Frame.close(1000).bytes(key: nil)),
    Violation(name: "125 in two bytes", bytes: [0x82, 0xfe, 0, 125] + key),
    Violation(name: "65535 in eight bytes", bytes: [0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + key),
    Violation(name: "length with the highest bit", bytes: [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0] + key),
    Violation(name: "continuation of nothing", bytes: Frame.more("x", isFinal: true).bytes()),
    Violation(name: "unfinished continuation of nothing", bytes: Frame.more("x", isFinal: false).bytes()),
    Violation(
      name: "a message inside a message", bytes: Frame.text("x", isFinal: false).bytes() + Frame.text("y").bytes()),
    Violation(
      name: "continuation after the end",
      bytes: Frame.text("x", isFinal: false).bytes() + Frame.more("y", isFinal: true).bytes()
        + Frame.more("z", isFinal: true).bytes()),
    Violation(name: "16 MiB and a byte", bytes: [0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1] + key, code: 1009),
    Violation(name: "an exabyte", bytes: [0x82, 0xff, 0x0f, 0, 0, 0, 0, 0, 0, 0] + key, code: 1009),
  ]

  @Test(arguments: violations, [nil, 1, 3]) func violationsFailTheConnection(_ violation: Violation, step: Int?) {
    var subject = Subject()
    let heard = subject.feed(violation.bytes + Frame.text("never heard").bytes(), step: step)
    #expect(heard.last == .ended(violation.code, clean: false))
    #expect(!heard.contains(.text("never heard")))
    let said = subject.said()
    #expect(said.count == 1)
    #expect(said.first?.code == violation.code)
    #expect(said.first?.text.isEmpty == false)
    #expect(subject.feed(Frame.text("after the end")) == [])
  }

  @Test func aViolationIsSeenInTheFirstByteThatShowsIt() {
    var reserved = Subject()
    #expect(reserved.feed([0xf1]) == [.ended(1002, clean: false)])
    var unmasked = Subject()
    #expect(unmasked.feed([0x81]) == [])
    #expect(unmasked.feed([0x05]) == [.ended(1002, clean: false)])
  }

  @Test func aClientRefusesMaskedFrames() {
    var subject = Subject(.client)
    #expect(subject.feed(Frame.text("x").bytes()) == [.ended(1002, clean: false)])
  }

  static let lengths = [0, 1, 7, 8, 31, 32, 33, 124, 125, 126, 127, 4_095, 4_096, 4_097, 65_535, 65_536, 70_001]

  @Test(arguments: lengths, [nil, 1_000, 7]) func lengthsBothWays(length: Int, step: Int?) {
    let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    var server = Subject()
    #expect(server.feed(Frame.binary(payload).bytes(), step: step) == [.binary(payload)])
    server.send(.binary, payload)
    #expect(server.said() == [.binary(payload)])
    var client = Subject(.client)
    #expect(client.feed(Frame.binary(payload).bytes(key: nil), step: step) == [.binary(payload)])
    client.send(.binary, payload)
    let bytes = Array(client.output.readableBytesView)
    #expect(bytes[1] & 0x80 != 0)
    #expect(client.said() == [.binary(payload)])
  }

  @Test func severalFramesInOneRead() {
    var subject = Subject()
    let heard = subject.feed(.text("一"), .ping([1, 2]), .binary([3]), .text(""))
    #expect(heard == [.text("一"), .binary([3]), .text("")])
    #expect(subject.said() == [.pong([1, 2])])
  }

  @Test(arguments: [nil, 1, 2, 5]) func fragmentsWithControlFramesBetween(step: Int?) {
    var subject = Subject()
    let heard = subject.feed(
      .text("生于", isFinal: false), .ping([9]), .more("", isFinal: false), .pong(), .more("一九五二", isFinal: false),
      .more("年", isFinal: true), .text("next"), step: step)
    #expect(heard == [.text("生于一九五二年"), .text("next")])
    #expect(subject.said() == [.pong([9])])
  }

  @Test func aCharacterMayBeSplitBetweenFragments() {
    var subject = Subject()
    let bytes = Array("家".utf8)
    let heard = subject.feed(
      Frame(isFinal: false, opcode: 1, payload: [bytes[0]]), Frame(isFinal: false, opcode: 0, payload: [bytes[1]]),
      Frame(opcode: 0, payload: [bytes[2]]))
    #expect(heard == [.text("家")])
  }

  @Test func aLongMessageInManyFragments() {
    // What the Autobahn suite sends in 9.3.1: 4 MiB in fragments of 64 bytes. Here 1 MiB.
    var subject = Subject()
    let piece = Frame(isFinal: false, opcode: 0, payload: Array(repeating: 0x61, count: 64)).bytes()
    var bytes = Frame(isFinal: false, opcode: 1, payload: Array(repeating: 0x61, count: 64)).bytes()
    for _ in 1..<16_383 { bytes += piece }
    bytes += Frame(opcode: 0, payload: Array(repeating: 0x61, count: 64)).bytes()
    #expect(subject.feed(bytes, step: 65_536) == [.text(String(repeating: "a", count: 1 << 20))])
  }

  @Test func theMessageBoundCountsAllFragments() {
    func subject() -> Subject { Subject { $0.message_bytes = 10 } }
    var exact = subject()
    #expect(exact.feed(.text("12345", isFinal: false), .more("67890", isFinal: true)) == [.text("1234567890")])
    var over = subject()
    #expect(over.feed(.text("12345", isFinal: false), .more("678901", isFinal: true)) == [.ended(1009, clean: false)])
    // The next message has the whole room again.
    #expect(exact.feed(.text("abcdefghij")) == [.text("abcdefghij")])
  }

  @Test func ourPingsAreAnsweredByNumber() {
    var subject = Subject()
    subject.session.ping(77, into: &subject.output, workspace: subject.workspace)
    let ping = subject.said()
    #expect(ping == [.ping([0, 0, 0, 0, 0, 0, 0, 77])])
    #expect(subject.feed(.pong(ping[0].payload)) == [.pong(77)])
    // Unsolicited ones of another form are nobody's business (RFC 6455 §5.5.3).
    #expect(subject.feed(.pong(), .pong([1, 2, 3])) == [])
  }
}

import NIOCore
import Testing

@testable import WebSocket

/// RFC 6455 §7: the close handshake from both sides.
struct ClosingTests {
  @Test(arguments: [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4401, 4999,
  ])
  func codesThatMayBeSent(code: UInt16) {
    var subject = Subject()
    #expect(subject.feed(.close(code, "因为")) == [.ended(code, clean: true)])
    #expect(subject.said() == [.close(code)])
  }

  @Test(arguments: [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
  func codesThatMayNot(code: UInt16) {
    var subject = Subject()
    #expect(subject.feed(.close(code)) == [.ended(1002, clean: false)])
    #expect(subject.said().map(\.code) == [1002])
  }

  @Test func noCode() {
    var subject = Subject()
    #expect(subject.feed(.close()) == [.ended(1005, clean: true)])
    #expect(subject.said() == [.close()])
  }

  @Test func halfACode() {
    var subject = Subject()
    #expect(subject.feed(Frame(opcode: 8, payload: [3])) == [.ended(1002, clean: false)])
  }

  @Test func aReasonMustBeUTF8() {
    var subject = Subject()
    #expect(subject.feed(Frame(opcode: 8, payload: [3, 0xe8, 0xff])) == [.ended(1007, clean: false)])
    var cut = Subject()
    #expect(cut.feed(Frame(opcode: 8, payload: [3, 0xe8, 0xe5, 0xae])) == [.ended(1007, clean: false)])
  }

  @Test func theLongestReason() {
    var subject = Subject()
    #expect(subject.feed(.close(1000, String(repeating: "x", count: 123))) == [.ended(1000, clean: true)])
  }

  @Test func nothingIsHeardAfterThePeersClose() {
    var subject = Subject()
    #expect(subject.feed(.close(1000), .text("late"), .ping()) == [.ended(1000, clean: true)])
    #expect(subject.said() == [.close(1000)])
    subject.send(.text, [0x61])
    subject.close(1001)
    #expect(subject.said() == [])
  }

  @Test func closingFirst() {
    var subject = Subject()
    subject.close(1012, "retry in 3 s")
    #expect(subject.said() == [.close(1012, "retry in 3 s")])
    // What was under way is thrown away; a fragmented message too, though it is never finished.
    #expect(subject.feed(.text("late", isFinal: false), .text("x"), .ping([1]), .more("y", isFinal: true)) == [])
    subject.send(.text, [0x61])
    #expect(subject.said() == [])
    #expect(subject.feed(.close(1012)) == [.ended(1012, clean: true)])
    #expect(subject.said() == [])
  }

  @Test func closingInTheMiddleOfAMessage() {
    var subject = Subject()
    #expect(subject.feed(.text("half", isFinal: false)) == [])
    subject.close(1000)
    #expect(subject.feed(.more("rest", isFinal: true), .close(1000)) == [.ended(1000, clean: true)])
  }

  @Test func bothCloseAtOnce() {
    var server = Subject()
    var client = Subject(.client)
    server.close(1001)
    client.close(1000)
    let fromServer = Array(server.output.readableBytesView)
    let fromClient = Array(client.output.readableBytesView)
    #expect(server.feed(fromClient) == [.ended(1000, clean: true)])
    #expect(client.feed(fromServer) == [.ended(1001, clean: true)])
  }

  @Test func aCloseThatIsNotAnsweredEndsAfterTenSeconds() {
    var subject = Subject(now_s: 100)
    subject.close(1000)
    #expect(subject.session.deadline_s == 110)
    #expect(subject.wait(until: 109) == [])
    #expect(subject.wait(until: 110) == [.ended(1006, clean: false)])
  }

  @Test func aReasonIsCutBetweenCharacters() {
    var subject = Subject()
    subject.close(1000, String(repeating: "长", count: 60))
    #expect(subject.said() == [.close(1000, String(repeating: "长", count: 41))])
  }

  @Test func aCodeThatMustNotBeSentIsLeftOut() {
    var subject = Subject()
    subject.close(1005, "x")
    #expect(subject.said() == [.close()])
  }

  @Test func aLostConnectionEndsOnce() {
    var subject = Subject()
    #expect(subject.session.connectionLost(workspace: subject.workspace)?.code == .abnormal)
    #expect(subject.session.connectionLost(workspace: subject.workspace) == nil)
  }
}

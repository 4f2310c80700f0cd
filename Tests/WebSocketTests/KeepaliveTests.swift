import Testing

@testable import WebSocket

struct KeepaliveTests {
  @Test func aSilentPeerIsPingedAndThenGivenUp() {
    var subject = Subject(now_s: 100)
    #expect(subject.session.deadline_s == 120)
    #expect(subject.wait(until: 119) == [])
    #expect(subject.said() == [])
    #expect(subject.wait(until: 120) == [])
    #expect(subject.said().map(\.opcode) == [9])
    #expect(subject.wait(until: 139) == [])
    #expect(subject.wait(until: 140) == [.ended(1011, clean: false)])
    #expect(subject.said().map(\.code) == [1011])
  }

  @Test func aPongKeepsItAlive() {
    var subject = Subject(now_s: 100)
    for round in UInt32(1)...5 {
      #expect(subject.wait(until: 100 + 20 * round) == [])
      let said = subject.said()
      #expect(said.map(\.opcode) == [9])
      // Our own pings are not reported.
      #expect(subject.feed(.pong(said[0].payload)) == [])
    }
  }

  @Test func messagesAreNoPong() {
    var subject = Subject(now_s: 100)
    #expect(subject.wait(until: 120) == [])
    #expect(subject.wait(until: 130) == [])
    #expect(subject.feed(.text("busy")) == [.text("busy")])
    #expect(subject.wait(until: 140) == [.ended(1011, clean: false)])
  }

  /// A pong cannot overtake the rest of a frame: on a slow line the upload of one takes longer than 20 s.
  @Test func theMiddleOfAFrameIsWaitedFor() {
    var subject = Subject(now_s: 100)
    let frame = Frame.binary(Array(repeating: 1, count: 1_000)).bytes()
    _ = subject.wait(until: 120)
    for second in UInt32(121)...180 {
      #expect(subject.feed(Array(frame[Int(second - 121) * 10..<Int(second - 120) * 10])) == [])
      #expect(subject.wait(until: second + 1) == [])
    }
    #expect(subject.wait(until: 199) == [])
    #expect(subject.wait(until: 201) == [.ended(1011, clean: false)])
  }

  @Test func itCanBeTurnedOff() {
    var subject = Subject { $0.keepalivePing_s = 0 }
    #expect(subject.session.deadline_s == nil)
    #expect(subject.wait(until: 500) == [])
    #expect(subject.said() == [])
  }
}

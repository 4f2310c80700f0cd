import NIOCore
import Testing

@testable import WebSocketBridge

@Suite struct PacedOutputTests {
  private func frame(_ text: String, pause: Bool = false, sequence: Int64 = 0) -> OutgoingFrame {
    OutgoingFrame(bytes: ByteBuffer(string: text), sequence: sequence, isFollowedByPause: pause)
  }

  private func takeAll(_ output: inout PacedOutput) -> [String] {
    var texts: [String] = []
    while let frame = output.take() { texts.append(String(buffer: frame.bytes)) }
    return texts
  }

  @Test func piecesAreSpacedAndNothingOvertakesThem() {
    var output = PacedOutput()
    for (text, pause) in [("1", true), ("2", true), ("3", false), ("chips", false)] {
      output.append(frame(text, pause: pause))
    }
    #expect(takeAll(&output) == ["1"] && output.isPausing && !output.isEmpty)
    output.append(frame("later"))
    #expect(takeAll(&output) == [])
    output.pauseEnded()
    #expect(takeAll(&output) == ["2"] && output.isPausing)
    output.pauseEnded()
    #expect(takeAll(&output) == ["3", "chips", "later"] && output.isEmpty)
  }

  @Test func aPauseAfterTheLastFrameIsStillAPause() {
    var output = PacedOutput()
    output.append(frame("1", pause: true))
    #expect(takeAll(&output) == ["1"] && !output.isEmpty)
    output.pauseEnded()
    #expect(output.isEmpty)
  }

  @Test func theLowestSequenceThatWaits() {
    var output = PacedOutput()
    #expect(output.lowestSequence == nil)
    for sequence: Int64 in [0, 9, 7, 0] { output.append(frame("x", sequence: sequence)) }
    #expect(output.lowestSequence == 7)
  }
}

@Suite struct CommandOrderTests {
  private func frame(_ text: String, _ sequence: Int64 = 0) -> OutgoingFrame {
    OutgoingFrame(bytes: ByteBuffer(string: text), sequence: sequence)
  }

  private func texts(_ frames: [OutgoingFrame]) -> [String] { frames.map { String(buffer: $0.bytes) } }

  @Test func answersComeInTheOrderOfTheCommands() {
    var order = CommandOrder(isStrict: true)
    let (a, b, c) = (order.begin(), order.begin(), order.begin())
    #expect(order.pass(frame("b1", 5), of: b) == nil)
    #expect(order.pass(frame("c1"), of: c) == nil)
    #expect(order.lowestSequence == 5)
    #expect(texts(order.finish(b)) == [] && !order.contains(b))
    #expect(order.pass(frame("a1"), of: a) != nil)
    #expect(texts(order.finish(a)) == ["b1", "c1"])
    #expect(order.first == c && order.lowestSequence == nil)
    #expect(order.pass(frame("c2"), of: c) != nil)
    #expect(texts(order.finish(c)) == [] && order.isEmpty)
  }

  @Test func protocol2HoldsNothingBack() {
    var order = CommandOrder(isStrict: false)
    let (a, b) = (order.begin(), order.begin())
    #expect(order.pass(frame("b"), of: b) != nil)
    #expect(order.finish(b).isEmpty && order.first == a)
  }

  @Test func eventsFindTheirCommand() {
    var order = CommandOrder(isStrict: true)
    let text = order.begin(request: "r")
    let audio = order.begin(session: "s", echo: "3")
    #expect(order.id(request: "r") == text && order.id(request: "") == nil && order.id(request: "x") == nil)
    #expect(order.id(session: "s")?.id == audio && order.id(session: "s")?.echo == "3")
    #expect(order.id(turn: "t") == nil && !order.hasTurn(text))
    order.set(turn: "t", of: text)
    #expect(order.id(turn: "t") == text && order.id(turn: "") == nil && order.hasTurn(text))
  }
}

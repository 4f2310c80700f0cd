import ConversationAPI
import Foundation
import JSON
import NIOCore
import Testing
import TimeText

@testable import WebSocketBridge

@Suite struct FrameWriterTests {
  private func text(_ frame: ByteBuffer) -> String { String(buffer: frame) }

  @Test func framesOfTheFirstProtocolHaveExactlyItsMembers() throws {
    let writer = FrameWriter(conversation: "a\"b\n你", isVersion2: false)
    let origin = FrameWriter.Origin(sequence: 7, epoch: "e", time: UTCTime(unixMicroseconds: 0))
    let frame = text(writer.frame(.agentResponse, origin) { $0.member("text", "好\u{1}") })
    #expect(
      frame.hasPrefix(#"{"type":"agent_response","conversation_id":"a\"b\n你","data":{"text":"好\u0001"},"timestamp":""#))
    #expect(frame.hasSuffix(#"+00:00"}"#))
    let error = text(writer.error("x", code: "INTERNAL") { $0.member("more", 1) })
    #expect(error.hasPrefix(#"{"type":"error","data":{"message":"x"},"timestamp":"#))
    let quota = text(writer.error("x", code: "QUOTA_EXCEEDED") { $0.member("more", 1) })
    #expect(quota.hasPrefix(#"{"type":"error","data":{"message":"x","code":"QUOTA_EXCEEDED"},"timestamp":"#))
  }

  @Test func framesOfProtocol2SayWhereTheyStand() {
    let writer = FrameWriter(conversation: "c", isVersion2: true)
    let origin = FrameWriter.Origin(sequence: 7, epoch: "e", time: UTCTime(unixMicroseconds: 1))
    #expect(
      text(writer.frame(.turn, origin) { $0.member("b", true) })
        == #"{"type":"turn","conversation_id":"c","seq":7,"log_epoch":"e","data":{"b":true},"#
        + #""timestamp":"1970-01-01T00:00:00.000001+00:00"}"#)
    let error = text(writer.error("x", code: "INTERNAL") { $0.member("more", 1) })
    #expect(error.hasPrefix(#"{"type":"error","data":{"message":"x","code":"INTERNAL","more":1},"timestamp":"#))
  }
}

@Suite struct RedeliveryTests {
  private func piece(_ id: String, _ index: Int32, hoursAgo: Int64 = 0) -> ConversationV1.ConversationEvent {
    let now = UTCTime.now().unixMicroseconds
    return .init(
      sequence: 1, createTime: .init(unixMicroseconds: now - hoursAgo * 3_600_000_000),
      event: .agentMessage(.init(messageID: id, text: "\(id)\(index)", index: index, total: 2)))
  }

  private func texts(_ events: [ConversationV1.ConversationEvent]) -> [String] {
    var filter = Redelivery(now: .now())
    for event in events { filter.add(event) }
    return filter.events().compactMap { if case .agentMessage(let piece) = $0.event { piece.text } else { nil } }
  }

  @Test func theLastTwoMessagesThatNobodyAnswered() {
    let said = ConversationV1.ConversationEvent(sequence: 1, event: .userMessage(.init(text: "x")))
    let all = ["a", "b", "c"].flatMap { [piece($0, 0), piece($0, 1)] }
    #expect(texts(all) == ["b0", "b1", "c0", "c1"])
    #expect(texts(all + [said]) == [])
    #expect(texts(all + [said, piece("d", 0)]) == ["d0"])
    #expect(texts([piece("old", 0, hoursAgo: 25), piece("a", 1)]) == ["a1"])
    #expect(texts([]) == [])
  }
}

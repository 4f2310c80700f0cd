import ConversationAPI
import Protobuf
import RPC
import TestSupport
import Testing

@Suite struct GeneratedShapeTests {
  @Test func eventIsAOneof() throws {
    let event = ConversationV1.ConversationEvent(
      sequence: 7, logEpoch: "e", createTime: .init(seconds: 1, nanos: 2), turnID: "t",
      event: .agentMessage(.init(messageID: "m", text: "您好", index: 0, total: 1)))
    let again = try ConversationV1.ConversationEvent(serializedArray: event.serializedArray())
    #expect(again == event)
    guard case .agentMessage(let message)? = again.event else {
      Issue.record("not an agent message")
      return
    }
    #expect(message.text == "您好")
  }

  @Test func theLastEventOfTwoCounts() throws {
    let wire = WireBytes.field(16, WireBytes.field(2, "user")) + WireBytes.field(34, WireBytes.field(1, varint: 9))
    let event = try ConversationV1.ConversationEvent(serializedArray: wire)
    #expect(event.event == .heartbeat(.init(headSequence: 9)))
  }

  @Test func resumeMayBeginAtZero() throws {
    let request = ConversationV1.ConnectRequest(conversationID: "c", resume: .init(position: .afterSequence(0)))
    let again = try ConversationV1.ConnectRequest(serializedArray: request.serializedArray())
    #expect(again.resume?.position == .afterSequence(0))
    #expect(ConversationV1.Resume().serializedArray() == [])
  }

  @Test func errorsNameThePath() {
    let piece = WireBytes.field(6, WireBytes.field(2, [0xC3]))
    #expect(throws: WireError.invalidUTF8(field: "replies[0].text")) {
      try ConversationV1.SendTextResponse(serializedArray: piece)
    }
    #expect(throws: WireError.embeddedNUL(field: "text")) {
      try ConversationV1.SendTextRequest(serializedArray: WireBytes.field(2, [0x61, 0]))
    }
    #expect(throws: WireError.invalidUTF8(field: "agent_message.text")) {
      try ConversationV1.ConversationEvent(serializedArray: WireBytes.field(18, WireBytes.field(2, [0xFF])))
    }
  }

  @Test func enumsHaveTheContractsNames() {
    #expect(ConversationV1.TurnState.queued.description == "TURN_STATE_QUEUED")
    #expect(ConversationV1.TurnState(rawValue: 77).description == "77")
    #expect(ConversationV1.SendTextRequest().replyMode == .unspecified)
  }

  @Test func methodsHaveTheirNamesAndTypes() {
    #expect(ConversationV1.ConversationService.name == "lifeecho.conversation.v1.ConversationService")
    #expect(
      ConversationV1.ConversationService.sendText.descriptor.path
        == "/lifeecho.conversation.v1.ConversationService/SendText")
    #expect(ConversationV1.ConversationService.connect.descriptor.type == .serverStreaming)
    #expect(ConversationV1.ConversationService.streamAudio.descriptor.type == .bidirectional)
    #expect(ConversationV1.ConversationService.transcribe.descriptor.type == .clientStreaming)
  }

  @Test func descriptorSetIsThere() {
    let name = Array("lifeecho/conversation/v1/conversation_service.proto".utf8)
    #expect(DescriptorSet.bytes.count > 10_000)
    #expect(DescriptorSet.bytes.firstRange(of: name) != nil)
  }

  @Test(arguments: [0, 1, -1, 1_767_225_600_123_456, -1_000_000, -62_135_596_800_000_000] as [Int64])
  func timestamps(microseconds: Int64) {
    let time = GoogleProtobuf.Timestamp(unixMicroseconds: microseconds)
    #expect((0..<1_000_000_000).contains(time.nanos))
    #expect(time.unixMicroseconds == microseconds)
  }

  @Test func impossibleTimes() {
    #expect(GoogleProtobuf.Timestamp(seconds: 253_402_300_800, nanos: 0).unixMicroseconds == nil)
    #expect(GoogleProtobuf.Timestamp(seconds: .min, nanos: 0).unixMicroseconds == nil)
    #expect(GoogleProtobuf.Timestamp(seconds: 0, nanos: -1).unixMicroseconds == nil)
    #expect(GoogleProtobuf.Duration(seconds: .max, nanos: 0).duration == nil)
    #expect(GoogleProtobuf.Duration(seconds: 1, nanos: -1).duration == nil)
  }

  @Test(arguments: [.zero, .seconds(25), .milliseconds(500), .milliseconds(-1500), .nanoseconds(1)] as [Duration])
  func durations(duration: Duration) {
    #expect(GoogleProtobuf.Duration(duration).duration == duration)
  }
}

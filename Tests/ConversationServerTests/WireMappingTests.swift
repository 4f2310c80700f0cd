@testable import Conversation
import ConversationAPI
import Interview
import RPC
import Testing

@testable import ConversationServer

@Suite("The domain's values on the wire")
struct WireMappingTests {
  private let time = Conversation.Timestamp(microseconds: 1_700_000_000_123_456)

  private func event(_ kind: DurableEvent.Kind) -> ConversationV1.ConversationEvent {
    ConversationV1.ConversationEvent(
      ConversationOutput(
        epoch: "e", time: time,
        event: .durable(DurableEvent(sequence: 7, createTime: time, turn: "t", request: "r", kind: kind))))
  }

  @Test("the envelope of a durable event")
  func envelope() {
    let event = event(.conversationEnded)
    #expect(event.sequence == 7)
    #expect(event.logEpoch == "e")
    #expect(event.turnID == "t")
    #expect(event.requestID == "r")
    #expect(event.createTime == GoogleProtobuf.Timestamp(seconds: 1_700_000_000, nanos: 123_456_000))
    #expect(event.event == .conversationEnded(.init()))
  }

  @Test("messages, pieces and failures keep their fields")
  func kinds() throws {
    let message = UserMessage(id: "m", text: "您好", source: .chip, chipID: "c", clientTime: time)
    #expect(
      event(.userMessage(message)).event
        == .userMessage(
          .init(
            messageID: "m", text: "您好", source: .chip, chipID: "c",
            clientTime: .init(unixMicroseconds: 1_700_000_000_123_456))))
    #expect(
      event(.agentMessage(AgentPiece(id: "a", text: "好", index: 1, total: 2))).event
        == .agentMessage(.init(messageID: "a", text: "好", index: 1, total: 2)))
    #expect(
      event(.turnStarted(kind: .reGreeting, attempt: 2)).event == .turnStarted(.init(kind: .reGreeting, attempt: 2)))
    guard case .turnFailed(let failed)? = event(.turnFailed(kind: .reply, reason: .engineFailed, retryable: true)).event
    else {
      Issue.record("no TurnFailed")
      return
    }
    #expect(failed.retryable)
    #expect(failed.error?.code == Int32(StatusCode.unavailable.rawValue))
  }

  @Test("quota: what remains, and the warning from 80 % on", arguments: [(23, false), (24, true), (31, true)])
  func quota(used: Int, warns: Bool) {
    let snapshot = QuotaSnapshot(
      turnsLimit: 30, turnsUsed: used, speechLimit_ms: 1_200_000, speechUsed_ms: 1_500, resetTime: time)
    let quota = ConversationV1.QuotaStatus(snapshot)
    #expect(quota.turnsRemaining == Int32(max(0, 30 - used)))
    #expect(quota.speechUsed == GoogleProtobuf.Duration(seconds: 1, nanos: 500_000_000))
    #expect(quota.warning == warns)
  }

  @Test("turn states and kinds have their counterparts")
  func enums() {
    let states: [(Conversation.TurnState, ConversationV1.TurnState)] = [
      (.queued, .queued), (.running, .running), (.completed, .completed), (.failed, .failed),
    ]
    for (domain, wire) in states { #expect(ConversationV1.TurnState(domain) == wire) }
    let kinds: [(Conversation.TurnKind, ConversationV1.TurnKind)] = [
      (.reply, .reply), (.opening, .opening), (.profileGreeting, .profileGreeting), (.reGreeting, .reGreeting),
    ]
    for (domain, wire) in kinds { #expect(ConversationV1.TurnKind(domain) == wire) }
  }

  @Test("resume: absent, empty and given")
  func resume() {
    func name(_ resume: ConversationV1.Resume?) -> String { "\(Connect.Resume(resume))" }
    #expect(name(nil) == "live")
    #expect(name(.init(logEpoch: "e")) == "after(sequence: 0, epoch: \"e\")")
    #expect(name(.init(position: .afterSequence(3))) == "after(sequence: 3, epoch: \"\")")
    #expect(name(.init(position: .fromAcknowledged(true), logEpoch: "e")) == "fromAcknowledged(epoch: \"e\")")
  }

  @Test("a time no calendar has is refused by name")
  func badTime() {
    #expect(throws: Status.self) {
      try Conversation.Timestamp(GoogleProtobuf.Timestamp(seconds: 1 << 60, nanos: 0), field: "client_time")
    }
  }

  @Test("a user's zero values leave what is stored, declined fields are named")
  func user() throws {
    let change = try UserChange(UserV1.User(userID: "u", declinedFields: [.occupation]))
    #expect(change.nickname == nil && change.birthYear == nil && change.tier == nil)
    #expect(change.declined == [.occupation])
    #expect(throws: Status.self) { try UserChange(UserV1.User(userID: "u", declinedFields: [.unspecified])) }
  }
}

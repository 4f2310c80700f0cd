import Conversation
import Interview
import PostgreSQL
import Testing

@testable import ConversationStore

@Suite struct VoiceHintTests {
  @Test func listeningFeedbackReachesOtherServersAndNotItsSender() async throws {
    let pool = try await TestDatabase.emptyDatabase()
    let sender = PostgreSQLNotifier(pool: pool, server: "a")
    var own = sender.hints().makeAsyncIterator()
    var other = PostgreSQLNotifier(pool: pool, server: "b").hints().makeAsyncIterator()
    guard case .missed? = await own.next(), case .missed? = await other.next() else { throw NeverHappened() }
    let feedback = ListeningFeedback(conversation: "会话\"1", session: "s/1", text: "嗯,我在听\n")
    sender.publish(feedback)
    guard case .feedback(let heard)? = await other.next() else { throw NeverHappened() }
    #expect(heard == feedback)
    // Its own does not come back: the next thing it hears is the other's.
    PostgreSQLNotifier(pool: pool, server: "b").publish(ConversationHint(conversation: "c", head: 1))
    guard case .hint? = await own.next() else { throw NeverHappened() }
    await pool.stop()
  }

  @Test func whatIsTooLongOrBrokenIsNotSaid() {
    let long = ListeningFeedback(conversation: "c", session: "s", text: String(repeating: "听", count: 3_000))
    #expect(HintMessage.payload(server: "a", feedback: long) == nil)
    #expect(HintMessage(payload: "{\"s\":\"a\",\"f\":[\"c\"]}")?.feedback == nil)
  }
}

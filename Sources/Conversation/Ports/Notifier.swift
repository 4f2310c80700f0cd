/// Tells other servers that a conversation's log has grown (design §9). A hint that is lost costs latency, never data.
package protocol Notifier: Sendable {
  /// Called after the commit; never blocks, may coalesce.
  func publish(_ hint: ConversationHint)
  /// The same for a word to the subscribers of a conversation.
  func publish(_ feedback: ListeningFeedback)
  /// The same for a user who was erased.
  func publish(erased user: UserID)
  /// Hints from other servers. `.missed` means that some may be lost: look at every live conversation.
  func hints() -> AsyncStream<NotifierEvent>
}

package struct ConversationHint: Sendable, Hashable {
  package var conversation: ConversationID
  /// Of its log; `gone`: whoever reads on learns why there is nothing more.
  package var head: Int64

  package static let gone = Int64.max

  package init(conversation: ConversationID, head: Int64) {
    self.conversation = conversation
    self.head = head
  }
}

package enum NotifierEvent: Sendable {
  case hint(ConversationHint)
  case feedback(ListeningFeedback)
  case erased(UserID)
  case missed
}

/// For a server that is alone on its database: nobody to tell, nothing to hear.
package struct InProcessNotifier: Notifier {
  package init() {}

  package func publish(_ hint: ConversationHint) {}

  package func publish(_ feedback: ListeningFeedback) {}

  package func publish(erased user: UserID) {}

  package func hints() -> AsyncStream<NotifierEvent> { AsyncStream { _ in } }
}

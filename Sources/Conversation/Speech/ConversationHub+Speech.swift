extension ConversationHub {
  /// Makes a committed cancel true on this server: raises the epoch of every stream that reads the conversation aloud, drops
  /// their chunks, publishes the event, and waits until a chunk that was being written has left.
  func silence(_ outcome: CancelSpeechOutcome, of user: UserID, _ conversation: ConversationID) async {
    let speakers = speakers(of: conversation, user: user)
    for speaker in speakers { speaker.cancel(through: outcome.through, epoch: outcome.epoch) }
    publish(conversation, outcome.events)
    let delivering = speakers.filter(\.isDelivering)
    guard !delivering.isEmpty else { return }
    // A reader that does not read keeps its chunk, and knows it by its epoch.
    try? await withTimeout(milliseconds: Limits.speechSettling_ms) {
      for speaker in delivering { try await speaker.settle() }
    }
  }
}

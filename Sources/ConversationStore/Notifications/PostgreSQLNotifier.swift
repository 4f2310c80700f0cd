package import Conversation
package import PostgreSQL
import Synchronization

/// Hints between servers over LISTEN/NOTIFY (design §9): never in a command's transaction, where they would destroy
/// group commit, but gathered and sent by one statement at most every 20 ms.
package final class PostgreSQLNotifier: Notifier {
  private struct Pending {
    var heads: [ConversationID: Int64] = [:]
    /// The latest ones; who misses one misses a moment's word.
    var feedback: [ListeningFeedback] = []
    var erased: Set<UserID> = []
    var isIncomplete = false
    var isSending = false
  }

  private let pool: PostgreSQLPool
  private let server: ServerID
  private let pending = Mutex(Pending())

  /// - Parameter server: this one; its own hints do not come back.
  package init(pool: PostgreSQLPool, server: ServerID) {
    self.pool = pool
    self.server = server
  }

  package func publish(_ hint: ConversationHint) {
    tell { pending in
      if pending.heads.count < Limits.pendingHints || pending.heads[hint.conversation] != nil {
        pending.heads[hint.conversation] = max(hint.head, pending.heads[hint.conversation] ?? 0)
      } else {
        pending.isIncomplete = true
      }
    }
  }

  package func publish(_ feedback: ListeningFeedback) {
    tell { pending in
      if pending.feedback.count < Limits.pendingFeedback { pending.feedback.append(feedback) }
    }
  }

  package func publish(erased user: UserID) {
    tell { pending in
      if pending.erased.count < Limits.pendingErasures {
        pending.erased.insert(user)
      } else {
        pending.isIncomplete = true
      }
    }
  }

  private func tell(_ add: (inout Pending) -> Void) {
    let starts = pending.withLock { pending in
      add(&pending)
      defer { pending.isSending = true }
      return !pending.isSending
    }
    if starts { Task { await send() } }
  }

  /// Sends until nothing is left, with a pause after each statement: what comes meanwhile travels together.
  private func send() async {
    while let news = take() {
      var payloads = HintMessage.payloads(
        server: server, hints: news.heads.map { ConversationHint(conversation: $0.key, head: $0.value) },
        isIncomplete: news.isIncomplete)
      payloads += news.feedback.compactMap { HintMessage.payload(server: server, feedback: $0) }
      payloads += news.erased.compactMap { HintMessage.payload(server: server, erased: $0) }
      do {
        _ = try await pool.query(Self.notify, [.text(Self.channel), .textArray(payloads)])
      } catch  where error.kind == .closed {
        pending.withLock { $0 = Pending() }
        return
      } catch {
        // Servers that miss a hint look for themselves every now and then; telling them to is enough.
        pending.withLock { $0.isIncomplete = true }
        try? await Task.sleep(for: .milliseconds(Limits.notificationRetry_ms))
      }
      try? await Task.sleep(for: .milliseconds(Limits.notificationPause_ms))
    }
  }

  private func take() -> Pending? {
    pending.withLock { pending in
      if pending.heads.isEmpty, pending.feedback.isEmpty, pending.erased.isEmpty, !pending.isIncomplete {
        pending.isSending = false
        return nil
      }
      defer {
        pending = Pending()
        pending.isSending = true
      }
      return pending
    }
  }

  /// Hints of other servers until the reader stops reading or the pool stops.
  package func hints() -> AsyncStream<NotifierEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: NotifierEvent.self, bufferingPolicy: .bufferingNewest(Limits.bufferedHints))
    let task = Task { [pool, server] in
      for await event in pool.notifications(on: Self.channel) {
        guard case .notification(let payload) = event else {
          continuation.yield(.missed)
          continue
        }
        guard let message = HintMessage(payload: payload) else {
          continuation.yield(.missed)
          continue
        }
        if message.server == server { continue }
        if let feedback = message.feedback { continuation.yield(.feedback(feedback)) }
        if let user = message.erased { continuation.yield(.erased(user)) }
        var hasLost = message.isIncomplete
        for hint in message.hints {
          if case .dropped = continuation.yield(.hint(hint)) { hasLost = true }
        }
        if hasLost { continuation.yield(.missed) }
      }
      continuation.finish()
    }
    continuation.onTermination = { _ in task.cancel() }
    return stream
  }

  private static let channel = "lifeecho_conversations"
  private static let notify = Statement("notify", "SELECT pg_notify($1, payload) FROM unnest($2::text[]) payload")
}

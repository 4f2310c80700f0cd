package import Interview

/// The engine that writes what the interviewer says (design §2.8). One call is one reply or one greeting.
///
/// Implementations stream text as it is generated; `[SPLIT]` separates the pieces of a reply. They honour task
/// cancellation, hold to their own timeouts, and throw `ChatModelError`.
package protocol ChatModel: Sendable {
  /// A stable name for logs and metrics, such as `builtin` or `openai`.
  var name: String { get }

  /// Streams the reply. The stream ends after the last piece; an error ends the attempt.
  func reply(to request: ChatRequest) -> AsyncThrowingStream<String, any Error>

  /// The whole reply at once, for a model that neither waits nor fails; `nil`: use the stream.
  func immediateReply(to request: ChatRequest) -> [String]?
}

extension ChatModel {
  package func immediateReply(to request: ChatRequest) -> [String]? { nil }
}

/// What a chat model is asked for.
package enum ChatRequest: Sendable {
  case reply(TurnPlan)
  case greeting(GreetingPlan)

  /// System prompt and recent history, oldest first, for a language model; the built-in interviewer renders the plan.
  package var messages: [PromptMessage] {
    switch self {
    case .reply(let plan): Prompt.messages(plan)
    case .greeting(let plan): Prompt.messages(plan)
    }
  }
}

/// Why a chat model gave no reply. None of the texts contains what a user said.
package enum ChatModelError: Error, Sendable, Equatable {
  /// Connection refused, reset, or cut before the reply was whole.
  case unreachable(String)
  /// No first piece, or no end, within the engine's limits.
  case timedOut(String)
  /// The engine answered with an HTTP error status.
  case refused(status: Int, message: String)
  /// The engine's answer broke its protocol.
  case malformed(String)
  /// The reply exceeded the size limit.
  case tooLarge(limit_bytes: Int)
  /// The reply was empty.
  case empty
}

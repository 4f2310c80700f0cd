package import Conversation
import Interview

/// The default chat model: the deterministic interviewer of the domain (design §2.8, §8). Needs no network, never
/// waits, never fails.
package struct BuiltInInterviewer: ChatModel {
  package let name = "builtin"

  package init() {}

  package func immediateReply(to request: ChatRequest) -> [String]? {
    switch request {
    case .reply(let plan): Interviewer.reply(plan)
    case .greeting(let plan): Interviewer.greeting(plan)
    }
  }

  package func reply(to request: ChatRequest) -> AsyncThrowingStream<String, any Error> {
    let pieces = immediateReply(to: request) ?? []
    return AsyncThrowingStream { continuation in
      for (index, piece) in pieces.enumerated() { continuation.yield(index == 0 ? piece : Pieces.separator + piece) }
      continuation.finish()
    }
  }
}

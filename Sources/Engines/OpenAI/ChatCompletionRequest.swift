import Foundation
import Interview
import NIOCore

/// The body of `POST /chat/completions`.
struct ChatCompletionRequest: Encodable {
  struct Message: Encodable {
    var role: String
    var content: String
  }

  var model: String
  var messages: [Message]
  var stream = true
  var temperature: Double
  var max_tokens: Int

  init(_ configuration: OpenAIChatConfiguration, _ messages: [PromptMessage]) {
    model = configuration.model
    self.messages = messages.map { Message(role: $0.role.rawValue, content: $0.text) }
    temperature = configuration.temperature
    max_tokens = configuration.maxTokens
  }

  func json() throws -> ByteBuffer {
    ByteBuffer(bytes: try JSONEncoder().encode(self))
  }
}

import Foundation

/// Where an OpenAI-compatible server is and how it is asked.
package struct OpenAIChatConfiguration: Sendable {
  /// Up to and without `/chat/completions`, such as `http://127.0.0.1:8000/v1`.
  package var baseURL: String
  package var model: String
  package var apiKey: APIKey?
  package var temperature = 0.7
  package var maxTokens = 800
  package var connectTimeout: Duration = .seconds(5)
  /// From sending the request to the first text.
  package var firstTokenTimeout: Duration = .seconds(20)
  /// Longest silence after that.
  package var idleTimeout: Duration = .seconds(15)
  /// The whole reply, with retries and their pauses.
  package var totalTimeout: Duration = .seconds(60)
  /// Further tries, while nothing of the reply has come.
  package var retries = 2

  package init(baseURL: String, model: String, apiKey: APIKey? = nil) {
    self.baseURL = baseURL
    self.model = model
    self.apiKey = apiKey
  }
}

/// A secret that no description, log line or dump shows.
package struct APIKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  let text: String

  /// nil for a key that cannot stand in a header (RFC 9110 §5.5).
  package init?(_ text: String) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.text = text
  }

  /// The file's text without white space around it. Reads a file: for start-up, not for an event loop.
  package init(file path: String) throws {
    let contents = try String(contentsOfFile: path, encoding: .utf8)
    guard let key = APIKey(contents.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw APIKeyError(path: path)
    }
    self = key
  }

  package var description: String { "APIKey(hidden)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

package struct APIKeyError: Error, CustomStringConvertible {
  let path: String
  package var description: String { "\(path): it holds no API key (one line of visible ASCII)" }
}

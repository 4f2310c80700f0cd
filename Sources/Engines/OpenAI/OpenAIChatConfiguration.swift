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

/// Where an OpenAI-compatible synthesiser is and how it is asked.
package struct OpenAISynthesizerConfiguration: Sendable {
  /// Up to and without `/audio/speech`, such as `http://127.0.0.1:8000/v1`.
  package var baseURL: String
  package var model: String
  package var apiKey: APIKey?
  /// For a request that names none.
  package var voice = "alloy"
  /// 1: as the voice speaks by itself.
  package var speed = 1.0
  package var connectTimeout: Duration = .seconds(5)
  /// From sending the request to the first byte of audio.
  package var firstByteTimeout: Duration = .seconds(10)
  /// Longest silence after that.
  package var idleTimeout: Duration = .seconds(10)
  /// The whole sentence, with retries and their pauses.
  package var totalTimeout: Duration = .seconds(60)
  /// Further tries, while no audio has come.
  package var retries = 1

  package init(baseURL: String, model: String, apiKey: APIKey? = nil) {
    self.baseURL = baseURL
    self.model = model
    self.apiKey = apiKey
  }
}

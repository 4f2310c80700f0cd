package import Conversation

/// Where an OpenAI-compatible recogniser is and how it is asked.
package struct OpenAIRecognizerConfiguration: Sendable {
  /// Up to and without `/audio/transcriptions`, such as `http://127.0.0.1:8000/v1`.
  package var baseURL: String
  package var model: String
  package var apiKey: APIKey?
  /// ISO 639-1; "": the engine finds out.
  package var language = "zh"
  /// What the engine takes the speech to go on from. Without one in simplified characters Whisper answers in
  /// traditional ones (measured with Whisper base).
  package var prompt = "以下是普通话的句子。"
  /// What is sent as it is; the rest is converted by ffmpeg. OpenAI's endpoint takes these, of those that phones record.
  package var containers: Set<AudioContainer> = [.m4a, .mp3, .ogg, .webm, .wav]
  package var ffmpeg = "ffmpeg"
  package var connectTimeout: Duration = .seconds(5)
  /// For one recording, on top of the time that it took to say it.
  package var timeout: Duration = .seconds(60)

  package init(baseURL: String, model: String, apiKey: APIKey? = nil) {
    self.baseURL = baseURL
    self.model = model
    self.apiKey = apiKey
  }
}

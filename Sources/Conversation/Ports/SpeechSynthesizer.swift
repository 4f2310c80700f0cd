/// The engine that reads replies aloud (design §2.8). One call is one sentence.
///
/// The stream ends after the last byte; an error ends the attempt. Implementations hold to their own timeouts, honour
/// task cancellation (a cancelled consumer closes the engine's request), and throw `SpeechSynthesisError`.
package protocol SpeechSynthesizer: Sendable {
  /// A stable name for logs and metrics, such as `builtin` or `openai`.
  var name: String { get }

  /// Encoded audio in `request.format`, forwarded as the engine makes it.
  func speak(_ request: SpeechRequest) -> AsyncThrowingStream<[UInt8], any Error>
}

/// A sentence to be read aloud; also the cache's key.
package struct SpeechRequest: Sendable, Hashable {
  package var text: String
  /// Of the engine; "": its default.
  package var voice: String
  package var format: SpeechFormat

  package init(text: String, voice: String, format: SpeechFormat) {
    self.text = text
    self.voice = voice
    self.format = format
  }
}

/// What speech is encoded in; the raw value is that of the `/v1/audio/speech` API.
package enum SpeechFormat: String, Sendable, CaseIterable { case mp3, wav }

/// Why a sentence could not be read aloud. None of the texts contains the sentence.
package enum SpeechSynthesisError: Error, Sendable, Equatable {
  case unreachable(String)
  /// No first byte, no further byte, or no end within the engine's limits.
  case timedOut(String)
  case refused(status: Int, message: String)
  case tooLarge(limit_bytes: Int)
}

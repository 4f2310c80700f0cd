/// The engine that turns speech into text (design §2.8). One call is one recording or one segment of a voice session.
///
/// Implementations hold to their own timeouts, honour task cancellation, and throw `SpeechRecognitionError`. They are
/// called from many tasks at once; whoever calls bounds how many.
package protocol SpeechRecognizer: Sendable {
  /// A stable name for logs, metrics and stored results, such as `builtin` or `openai`.
  var name: String { get }

  /// What was said: simplified Chinese, trimmed; "" when nothing was.
  func transcribe(_ recording: Recording) async throws -> String
}

/// Speech as a client sent it.
package struct Recording: Sendable, Equatable {
  package var bytes: [UInt8]
  /// What the client says the container is; a hint, the bytes are looked at.
  package var declaredFormat: AudioContainer?
  /// As the client measured it; 0: not said.
  package var duration_ms: Int64

  package init(bytes: [UInt8], declaredFormat: AudioContainer?, duration_ms: Int64) {
    self.bytes = bytes
    self.declaredFormat = declaredFormat
    self.duration_ms = duration_ms
  }
}

/// The containers that phones and browsers record; the raw value is stored.
package enum AudioContainer: String, Sendable, Codable, CaseIterable {
  case m4a, aac, mp3, ogg, webm, wav
  case threeGP = "3gp"
}

/// Why a recogniser gave no text. None of the texts contains what a user said.
package enum SpeechRecognitionError: Error, Sendable, Equatable {
  /// The bytes are no speech that anybody could read: another attempt will not help.
  case invalidAudio(String)
  /// Connection refused, reset, cut, or an answer that broke the protocol: another attempt may help.
  case unreachable(String)
  /// No answer within the engine's limits.
  case timedOut(String)
  /// The engine answered with an HTTP error status.
  case refused(status: Int, message: String)
  /// The answer exceeded the size limit.
  case tooLarge(limit_bytes: Int)
}

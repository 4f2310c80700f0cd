package import Conversation

/// A synthesiser for tests and demonstrations, without any engine: a tone for every letter and a rest for every other
/// character. What it makes is whole, valid audio that browsers play, always the same for the same sentence, and it
/// carries the sentence as ``TestAudio``.
package struct BuiltInSynthesizer: SpeechSynthesizer {
  package let name = "builtin"
  /// Of the speech for one character.
  package static let character_ms = ToneFrames.framesPerCharacter * ToneFrames.frame_ms

  package init() {}

  package func speak(_ request: SpeechRequest) -> AsyncThrowingStream<[UInt8], any Error> {
    let tones = Self.tones(request)
    return AsyncThrowingStream { continuation in
      continuation.yield(
        request.format == .mp3 ? ToneFrames.tag(request.text) : ToneWave.head(request.text, count: tones.count))
      for tone in tones {
        continuation.yield(request.format == .mp3 ? ToneFrames.character(tone) : ToneWave.character(tone))
      }
      continuation.finish()
    }
  }

  /// Which tone each character has; nil: a rest.
  private static func tones(_ request: SpeechRequest) -> [Int?] {
    let shift = request.voice.utf8.reduce(0) { $0 &+ Int($1) }
    let tones = request.text.unicodeScalars.filter { !$0.properties.isWhitespace }.map { scalar -> Int? in
      guard scalar.properties.isAlphabetic || scalar.properties.numericType != nil else { return nil }
      return (Int(scalar.value) + shift) % ToneFrames.tones.count
    }
    return tones.isEmpty ? [nil] : tones
  }
}

import Foundation

/// The same tones as WAV: 16 bit, mono, 8 kHz.
enum ToneWave {
  private static let rate = 8000
  private static let frequencies = [417.0, 500, 625]
  private static let samplesPerCharacter = rate * ToneFrames.framesPerCharacter * ToneFrames.frame_ms / 1000

  static func character(_ tone: Int?) -> [UInt8] {
    (0..<samplesPerCharacter).flatMap { sample -> [UInt8] in
      guard let tone, sample < samplesPerCharacter * 8 / 10 else { return [0, 0] }
      let phase = 2 * Double.pi * frequencies[tone % frequencies.count] * Double(sample) / Double(rate)
      return little(Int(8000 * sin(phase)), bytes: 2)
    }
  }

  /// Everything before the samples; the text is in a chunk that players skip.
  static func head(_ text: String, count: Int) -> [UInt8] {
    var note = TestAudio.carrying(text)
    if note.count % 2 == 1 { note.append(0) }
    let samples = count * samplesPerCharacter * 2
    var head = Array("RIFF".utf8) + little(4 + 24 + 8 + note.count + 8 + samples, bytes: 4) + Array("WAVE".utf8)
    head += Array("fmt ".utf8) + little(16, bytes: 4) + little(1, bytes: 2) + little(1, bytes: 2)
    head += little(rate, bytes: 4) + little(rate * 2, bytes: 4) + little(2, bytes: 2) + little(16, bytes: 2)
    head += Array("note".utf8) + little(note.count, bytes: 4) + note
    return head + Array("data".utf8) + little(samples, bytes: 4)
  }

  private static func little(_ number: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
}

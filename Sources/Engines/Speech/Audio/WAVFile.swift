import Conversation

/// RIFF/WAVE (Microsoft "Multimedia Programming Interface and Data Specifications 1.0").
enum WAVFile {
  /// Recorders that write as they go leave one of these for the length they do not know yet.
  private static let unknownLengths: ClosedRange<UInt32> = 0x7FFF_0000...0xFFFF_FFFF

  static func duration_ms(_ scan: ByteScan) throws(SpeechRecognitionError) -> Int64? {
    var offset = 12
    var bytesPerSecond: UInt32?
    while let size = scan.little32(at: offset + 4) {
      let start = offset + 8
      if scan.has("fmt ", at: offset) {
        bytesPerSecond = scan.little32(at: start + 8)
      } else if scan.has("data", at: offset) {
        let present = scan.count - start
        let isUnknown = size == 0 || unknownLengths.contains(size)
        guard isUnknown || Int(size) <= present else {
          throw AudioSniffer.cutOff(at: scan.count, of: start + Int(size))
        }
        guard let bytesPerSecond, bytesPerSecond > 0 else {
          throw .invalidAudio("the WAV file does not say how its samples are laid out")
        }
        return Int64(isUnknown ? present : Int(size)) * 1000 / Int64(bytesPerSecond)
      }
      // Chunks begin at even places.
      offset = start + Int(size) + Int(size & 1)
    }
    throw .invalidAudio("the WAV file has no samples")
  }
}

import Conversation

/// What the bytes of a recording say about themselves.
struct SniffedAudio: Equatable {
  var container: AudioContainer
  /// nil: the container does not say, and finding out would mean decoding.
  var duration_ms: Int64?
}

/// Tells containers apart by their bytes, whatever the client called them, and refuses what is no audio or is cut off
/// where the container itself says how much there should be. Pure; it looks at headers and lengths, never at samples.
///
/// A recording of frames without a declared length (ADTS, MP3, Ogg, WebM) that ends within a frame lacks that frame
/// and nothing else, and passes.
enum AudioSniffer {
  /// - Throws: `SpeechRecognitionError.invalidAudio`.
  static func sniff(_ bytes: [UInt8]) throws(SpeechRecognitionError) -> SniffedAudio {
    guard !bytes.isEmpty else { throw .invalidAudio("the recording is empty") }
    let scan = ByteScan(bytes)
    if scan.has("RIFF", at: 0), scan.has("WAVE", at: 8) {
      return SniffedAudio(container: .wav, duration_ms: try WAVFile.duration_ms(scan))
    }
    if scan.has("OggS", at: 0) {
      return SniffedAudio(container: .ogg, duration_ms: try OggFile.duration_ms(scan))
    }
    if scan.big32(at: 0) == MatroskaFile.header {
      return SniffedAudio(container: .webm, duration_ms: try MatroskaFile.duration_ms(scan))
    }
    if MP4File.begins(scan) {
      let file = try MP4File(scan)
      return SniffedAudio(container: file.is3GP ? .threeGP : .m4a, duration_ms: file.duration_ms)
    }
    if let stream = MPEGAudioStream(scan) {
      return SniffedAudio(container: stream.container, duration_ms: try stream.duration_ms())
    }
    let known = AudioContainer.allCases.map(\.rawValue).joined(separator: ", ")
    throw .invalidAudio("the recording is in none of the known containers (\(known))")
  }

  /// A container's own statement of its length that the bytes at hand do not reach.
  static func cutOff(at count: Int, of declared: Int) -> SpeechRecognitionError {
    .invalidAudio("the recording is cut off: it ends after \(count) bytes, its container goes on to byte \(declared)")
  }
}

import Conversation

/// Frames one after another: MPEG-1/2 layer III (ISO 11172-3, 13818-3) or AAC in ADTS (ISO 13818-7 §6.2), with an ID3v2
/// tag before them or not.
struct MPEGAudioStream {
  private struct Frame {
    var bytes: Int
    var samples: Int
    var rate: Int
  }

  let container: AudioContainer
  private let scan: ByteScan
  private let first: Int

  /// nil when the bytes are no such stream: one frame header could be chance, so two in a row are asked for, or one that
  /// reaches the end.
  init?(_ scan: ByteScan) {
    var start = 0
    if scan.has("ID3", at: 0) {
      guard let length = Self.tagBytes(scan) else { return nil }
      start = length
      // Padding after the tag.
      while start < scan.count, scan.bytes[start] == 0, start - length < Limits.paddingBytes { start += 1 }
    }
    for container in [AudioContainer.aac, .mp3] {
      guard let frame = Self.frame(scan, at: start, container) else { continue }
      let next = start + frame.bytes
      guard next >= scan.count || Self.frame(scan, at: next, container) != nil else { continue }
      self.container = container
      self.scan = scan
      first = start
      return
    }
    return nil
  }

  /// nil when something follows that is neither a frame nor a tag: another recording, or damage that players pass over.
  /// - Throws: `.invalidAudio` when the first frame counts more frames than follow.
  func duration_ms() throws(SpeechRecognitionError) -> Int64? {
    var offset = first
    var samples = 0
    var frames = 0
    var rate = 0
    var isCut = false
    while let frame = Self.frame(scan, at: offset, container) {
      // A frame that the end cuts is not played.
      isCut = offset + frame.bytes > scan.count
      if isCut { break }
      samples += frame.samples
      frames += 1
      rate = frame.rate
      offset += frame.bytes
    }
    guard rate > 0 else { throw .invalidAudio("the recording holds no whole frame") }
    if let declared = declaredFrames() {
      // The frame with the count is none of the counted.
      frames -= 1
      samples -= samples / (frames + 1)
      guard frames >= declared else {
        throw .invalidAudio("the recording is cut off: \(frames) of \(declared) frames are there")
      }
    }
    return isCut || isEnd(offset) ? Int64(samples) * 1000 / Int64(rate) : nil
  }

  /// The end, too little for a frame's header, or the tags that stand there (ID3v1, APEv2, Lyrics3), or padding.
  private func isEnd(_ offset: Int) -> Bool {
    offset + 7 > scan.count || ["TAG", "APETAGEX", "LYRICSBEGIN"].contains { scan.has($0, at: offset) }
      || scan.bytes[offset...].allSatisfy { $0 == 0 }
  }

  /// Of the Xing or Info frame that encoders put first (in the place of the first frame's side information).
  private func declaredFrames() -> Int? {
    guard container == .mp3, let header = scan.big32(at: first) else { return nil }
    let isMPEG1 = header >> 19 & 3 == 3
    let isMono = header >> 6 & 3 == 3
    let place = first + 4 + (isMPEG1 ? (isMono ? 17 : 32) : (isMono ? 9 : 17))
    guard scan.has("Xing", at: place) || scan.has("Info", at: place), let flags = scan.big32(at: place + 4),
      flags & 1 != 0
    else { return nil }
    return scan.big32(at: place + 8).map { Int($0) }
  }

  /// The whole ID3v2 tag (id3.org "ID3 tag version 2.4.0", §3.1): its size is written seven bits to the byte.
  private static func tagBytes(_ scan: ByteScan) -> Int? {
    guard let size = scan.big32(at: 6), size & 0x8080_8080 == 0, let flags = scan.byte(at: 5) else { return nil }
    let content = size & 0x7F | (size >> 8 & 0x7F) << 7 | (size >> 16 & 0x7F) << 14 | (size >> 24 & 0x7F) << 21
    return 10 + Int(content) + (flags & 0x10 != 0 ? 10 : 0)
  }

  private static func frame(_ scan: ByteScan, at offset: Int, _ container: AudioContainer) -> Frame? {
    container == .aac ? adts(scan, at: offset) : layer3(scan, at: offset)
  }

  private static let adtsRates = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000, 7350,
  ]

  private static func adts(_ scan: ByteScan, at offset: Int) -> Frame? {
    // Twelve bits of sync, then the layer, which is always 0.
    guard let header = scan.big(7, at: offset), header >> 44 == 0xFFF, header >> 41 & 3 == 0 else { return nil }
    let rate = Int(header >> 34 & 0xF)
    let bytes = Int(header >> 13 & 0x1FFF)
    guard rate < adtsRates.count, bytes >= 7 else { return nil }
    return Frame(bytes: bytes, samples: 1024 * (Int(header & 3) + 1), rate: adtsRates[rate])
  }

  private static let bitRates_k = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  ]
  private static let rates = [44_100, 48_000, 32_000]

  private static func layer3(_ scan: ByteScan, at offset: Int) -> Frame? {
    guard let header = scan.big32(at: offset), header >> 21 == 0x7FF, header >> 17 & 3 == 1 else { return nil }
    let version = header >> 19 & 3
    let bitRate = Int(header >> 12 & 0xF)
    let rate = Int(header >> 10 & 3)
    guard version != 1, (1...14).contains(bitRate), rate < 3 else { return nil }
    let isMPEG1 = version == 3
    let frequency = rates[rate] / (isMPEG1 ? 1 : version == 2 ? 2 : 4)
    let samples = isMPEG1 ? 1152 : 576
    let bits = bitRates_k[isMPEG1 ? 0 : 1][bitRate] * 1000
    return Frame(
      bytes: samples / 8 * bits / frequency + Int(header >> 9 & 1), samples: samples, rate: frequency)
  }
}

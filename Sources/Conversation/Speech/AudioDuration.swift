/// How long an encoded sentence plays, from its bytes: WAV by its byte rate, MP3 frame by frame (ISO/IEC 11172-3).
enum AudioDuration {
  /// `nil` when the bytes are not of that format.
  static func milliseconds(of bytes: [UInt8], format: SpeechFormat) -> Int64? {
    switch format {
    case .wav: wav(bytes)
    case .mp3: mp3(bytes)
    }
  }

  /// Sizes in the header are not believed: engines that stream do not know them.
  private static func wav(_ bytes: [UInt8]) -> Int64? {
    guard bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WAVE".utf8)) else {
      return nil
    }
    var position = 12
    var byteRate: Int64?
    while position + 8 <= bytes.count {
      let size = Int(little32(bytes, position + 4))
      if bytes[position..<position + 4].elementsEqual("data".utf8) {
        guard let byteRate, byteRate > 0 else { return nil }
        let available = bytes.count - position - 8
        return Int64(size > 0 ? min(size, available) : available) * 1_000 / byteRate
      }
      if bytes[position..<position + 4].elementsEqual("fmt ".utf8), position + 20 <= bytes.count {
        byteRate = Int64(little32(bytes, position + 16))
      }
      position += 8 + size + size % 2
    }
    return nil
  }

  private static func little32(_ bytes: [UInt8], _ index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
  }

  private static func mp3(_ bytes: [UInt8]) -> Int64? {
    var position = 0
    if bytes.count >= 10, bytes.starts(with: Array("ID3".utf8)) {
      position = 10 + (6..<10).reduce(0) { $0 << 7 | Int(bytes[$1] & 0x7f) }
    }
    var microseconds: Int64 = 0
    while position + 4 <= bytes.count {
      guard let frame = MP3Frame(bytes[position], bytes[position + 1], bytes[position + 2]) else {
        position += 1
        continue
      }
      microseconds += frame.duration_us
      position += frame.size_bytes
    }
    return microseconds == 0 ? nil : microseconds / 1_000
  }
}

/// The header of a layer III frame.
private struct MP3Frame {
  let size_bytes: Int
  let duration_us: Int64

  private static let kilobits1: [Int] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
  private static let kilobits2: [Int] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]

  /// `nil`: no frame begins with these bytes.
  init?(_ first: UInt8, _ second: UInt8, _ third: UInt8) {
    guard first == 0xff, second & 0xe0 == 0xe0, second >> 1 & 3 == 1 else { return nil }
    let version = second >> 3 & 3
    let rateIndex = Int(third >> 2 & 3)
    let bitrateIndex = Int(third >> 4)
    guard version != 1, rateIndex < 3, bitrateIndex > 0, bitrateIndex < 15 else { return nil }
    let isFirst = version == 3
    let kilobits = isFirst ? Self.kilobits1[bitrateIndex] : Self.kilobits2[bitrateIndex]
    let rate = [44_100, 48_000, 32_000][rateIndex] >> (isFirst ? 0 : version == 2 ? 1 : 2)
    let samples = isFirst ? 1_152 : 576
    size_bytes = samples / 8 * kilobits * 1_000 / rate + Int(third >> 1 & 1)
    duration_us = Int64(samples) * 1_000_000 / Int64(rate)
    guard size_bytes > 4 else { return nil }
  }
}

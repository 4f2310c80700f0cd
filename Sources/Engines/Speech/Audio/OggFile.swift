import Conversation

/// Ogg (RFC 3533) with Opus (RFC 7845), Vorbis or anything else within.
enum OggFile {
  private static let pageHeaderBytes = 27
  /// A page's length is at most this (RFC 3533 §6), so the last page's header is within as many bytes of the end.
  private static let pageBytes_max = 65_307

  static func duration_ms(_ scan: ByteScan) throws(SpeechRecognitionError) -> Int64? {
    guard let segments = scan.byte(at: 26), scan.byte(at: 4) == 0 else {
      throw .invalidAudio("the Ogg file has no whole page")
    }
    let packet = pageHeaderBytes + Int(segments)
    guard let serial = scan.big32(at: 14), packet < scan.count else {
      throw .invalidAudio("the Ogg file has no whole page")
    }
    let rate: UInt64
    var skipped: UInt64 = 0
    if scan.has("OpusHead", at: packet) {
      // Granules count at 48 kHz, whatever the input was, and include the encoder's run-in (RFC 7845 §4).
      rate = 48_000
      skipped = scan.little(2, at: packet + 10) ?? 0
    } else if scan.has("\u{1}vorbis", at: packet), let frequency = scan.little32(at: packet + 12), frequency > 0 {
      rate = UInt64(frequency)
    } else {
      return nil
    }
    guard !isChained(scan) else { return nil }
    guard let granule = lastGranule(scan, serial: serial), granule > skipped else {
      throw .invalidAudio("the Ogg file has no audio in it")
    }
    return (granule - skipped).multipliedReportingOverflow(by: 1000).overflow
      ? nil : Int64(clamping: (granule - skipped) * 1000 / rate)
  }

  /// Several streams, one after the other or beside each other: a page after the first one begins one (RFC 3533 §6).
  private static func isChained(_ scan: ByteScan) -> Bool {
    var offset = 0
    while scan.has("OggS", at: offset), let flags = scan.byte(at: offset + 5), let count = scan.byte(at: offset + 26) {
      if offset > 0, flags & 2 != 0 { return true }
      let table = offset + pageHeaderBytes
      offset = table + Int(count)
      for place in table..<offset { offset += Int(scan.byte(at: place) ?? 0) }
    }
    return false
  }

  private static func lastGranule(_ scan: ByteScan, serial: UInt32) -> UInt64? {
    var offset = scan.count - pageHeaderBytes
    // The last page may be one on which no packet ends (granule −1), so this looks a few pages back.
    let end = max(0, scan.count - 4 * pageBytes_max)
    while offset >= end {
      if scan.has("OggS", at: offset), scan.big32(at: offset + 14) == serial,
        let granule = scan.little(8, at: offset + 6), granule != .max, granule > 0
      {
        return granule
      }
      offset -= 1
    }
    return nil
  }
}

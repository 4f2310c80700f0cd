import Conversation

/// Matroska and WebM (RFC 8794, RFC 9559), as far as browsers' recorders write it: a segment of unknown length whose
/// header does not know the duration, so it is read off the last block.
enum MatroskaFile {
  static let header: UInt32 = 0x1A45_DFA3
  private static let segment: UInt64 = 0x1853_8067
  private static let info: UInt64 = 0x1549_A966
  private static let timestampScale: UInt64 = 0x2A_D7B1
  private static let duration: UInt64 = 0x4489
  private static let tracks: UInt64 = 0x1654_AE6B
  private static let cluster: UInt64 = 0x1F43_B675
  private static let clusterTimestamp: UInt64 = 0xE7
  private static let simpleBlock: UInt64 = 0xA3
  private static let blockGroup: UInt64 = 0xA0
  private static let block: UInt64 = 0xA1

  private struct Element {
    var id: UInt64
    var start: Int
    /// nil: unknown; it ends where something of a higher level begins.
    var size: Int?
  }

  /// - Throws: `.invalidAudio` when the segment goes on beyond the end or has no block.
  static func duration_ms(_ scan: ByteScan) throws(SpeechRecognitionError) -> Int64? {
    var scale_ns: UInt64 = 1_000_000
    var declared: Double?
    var clusterTime: UInt64 = 0
    var last: UInt64 = 0
    var hasBlocks = false
    var hasTracks = false
    guard let head = element(scan, at: 0), let headBytes = head.size else {
      throw .invalidAudio("the WebM file has no whole header")
    }
    var offset = head.start + headBytes
    while let element = element(scan, at: offset) {
      switch element.id {
      case segment:
        if let size = element.size, element.start + size > scan.count {
          throw AudioSniffer.cutOff(at: scan.count, of: element.start + size)
        }
        offset = element.start
        continue
      case info, cluster, blockGroup:
        offset = element.start
        continue
      case tracks:
        hasTracks = true
      case timestampScale:
        scale_ns = element.size.flatMap { scan.big($0, at: element.start) } ?? scale_ns
      case duration:
        declared = element.size.flatMap { float(scan, at: element.start, bytes: $0) }
      case clusterTimestamp:
        clusterTime = element.size.flatMap { scan.big($0, at: element.start) } ?? clusterTime
      case simpleBlock, block:
        hasBlocks = true
        last = max(last, blockTime(scan, element, clusterTime))
      default:
        break
      }
      guard let size = element.size else { break }
      offset = element.start + size
    }
    guard hasTracks, hasBlocks else { throw .invalidAudio("the WebM file has no sound in it") }
    let ticks = declared.map { $0 > 0 && $0 < 1e15 ? UInt64($0) : last } ?? last
    let (product, overflow) = ticks.multipliedReportingOverflow(by: scale_ns)
    return overflow ? nil : Int64(clamping: product / 1_000_000)
  }

  /// A block: track number, then its time after the cluster's as a signed 16 bit number (RFC 9559 §10.1).
  private static func blockTime(_ scan: ByteScan, _ element: Element, _ clusterTime: UInt64) -> UInt64 {
    guard let (_, length) = variableInteger(scan, at: element.start, keepsMarker: false),
      let bits = scan.big(2, at: element.start + length)
    else { return clusterTime }
    let sum = Int64(clamping: clusterTime) + Int64(Int16(bitPattern: UInt16(bits)))
    return UInt64(max(0, sum))
  }

  private static func element(_ scan: ByteScan, at offset: Int) -> Element? {
    guard let (id, idBytes) = variableInteger(scan, at: offset, keepsMarker: true), idBytes <= 4,
      let (size, sizeBytes) = variableInteger(scan, at: offset + idBytes, keepsMarker: false)
    else { return nil }
    let isUnknown = size == (1 << (7 * UInt64(sizeBytes))) - 1
    return Element(
      id: id, start: offset + idBytes + sizeBytes, size: isUnknown ? nil : Int(clamping: min(size, 1 << 48)))
  }

  /// RFC 8794 §4: as many leading zero bits as there are further bytes.
  private static func variableInteger(
    _ scan: ByteScan, at offset: Int, keepsMarker: Bool
  ) -> (value: UInt64, bytes: Int)? {
    guard let first = scan.byte(at: offset), first != 0 else { return nil }
    let length = first.leadingZeroBitCount + 1
    guard let value = scan.big(length, at: offset) else { return nil }
    return (keepsMarker ? value : value & ((1 << (7 * UInt64(length))) - 1), length)
  }

  private static func float(_ scan: ByteScan, at offset: Int, bytes: Int) -> Double? {
    switch bytes {
    case 4: scan.big32(at: offset).map { Double(Float(bitPattern: $0)) }
    case 8: scan.big(8, at: offset).map { Double(bitPattern: $0) }
    default: nil
    }
  }
}

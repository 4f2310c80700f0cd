import Conversation

/// ISO base media files (ISO 14496-12): what phones call .m4a, .mp4, .mov and .3gp.
struct MP4File {
  private struct Box {
    var content: Range<Int>
    var type: UInt32
  }

  let is3GP: Bool
  /// nil for a fragmented file that does not declare it.
  let duration_ms: Int64?

  private static let ftyp = code("ftyp")
  private static let moov = code("moov")
  /// What a file begins with: its brand, or, from old recorders, one of the others.
  private static let firsts = [ftyp, moov, code("mdat"), code("wide"), code("free"), code("skip")]

  static func begins(_ scan: ByteScan) -> Bool {
    scan.big32(at: 4).map { firsts.contains($0) } ?? false
  }

  /// - Throws: `.invalidAudio` when a box goes on beyond the end, or when the file's index or its sound is missing.
  init(_ scan: ByteScan) throws(SpeechRecognitionError) {
    var index: Range<Int>?
    var brand: UInt32 = 0
    var offset = 0
    while offset < scan.count {
      guard let box = Self.box(scan, at: offset, end: scan.count) else {
        throw AudioSniffer.cutOff(at: scan.count, of: offset + 8)
      }
      guard box.content.upperBound <= scan.count else {
        throw AudioSniffer.cutOff(at: scan.count, of: box.content.upperBound)
      }
      if box.type == Self.ftyp { brand = scan.big32(at: box.content.lowerBound) ?? 0 }
      if box.type == Self.moov { index = box.content }
      offset = box.content.upperBound
    }
    // Phones write the index last: a recording that was interrupted has none, and nobody can play it.
    guard let index else { throw .invalidAudio("the recording is cut off: its index (moov) is missing") }
    let isFragmented = Self.child("mvex", of: index, scan) != nil
    guard let codec = Self.soundCodec(scan, index) else { throw .invalidAudio("the recording has no sound track") }
    // Some recorders put AMR, which is 3gp's, into a file that calls itself MP4.
    is3GP =
      brand >> 8 == Self.code("3gp ") >> 8 || brand >> 8 == Self.code("3g2 ") >> 8
      || [Self.code("samr"), Self.code("sawb")].contains(codec)
    let duration = Self.movieDuration_ms(scan, index)
    guard isFragmented || duration != 0 else { throw .invalidAudio("the recording has no sound in it") }
    duration_ms = isFragmented && duration == 0 ? nil : duration
  }

  private static func movieDuration_ms(_ scan: ByteScan, _ index: Range<Int>) -> Int64? {
    guard let header = child("mvhd", of: index, scan), let version = scan.byte(at: header.lowerBound) else {
      return nil
    }
    let place = header.lowerBound + (version == 1 ? 20 : 12)
    guard let scale = scan.big32(at: place), scale > 0,
      let length = scan.big(version == 1 ? 8 : 4, at: place + 4),
      length != (version == 1 ? .max : UInt64(UInt32.max))
    else { return nil }
    let (product, overflow) = length.multipliedReportingOverflow(by: 1000)
    return overflow ? nil : Int64(clamping: product / UInt64(scale))
  }

  /// Of the first sound track (ISO 14496-12 §8.5.2: the first entry of `stsd`); 0 when it does not say. nil: no such track.
  private static func soundCodec(_ scan: ByteScan, _ index: Range<Int>) -> UInt32? {
    for track in boxes(scan, index) where track.type == code("trak") {
      guard let media = child("mdia", of: track.content, scan), let handler = child("hdlr", of: media, scan),
        scan.has("soun", at: handler.lowerBound + 8)
      else { continue }
      let table = ["minf", "stbl", "stsd"].reduce(media as Range<Int>?) { parent, name in
        parent.flatMap { child(name, of: $0, scan) }
      }
      return table.flatMap { scan.big32(at: $0.lowerBound + 12) } ?? 0
    }
    return nil
  }

  private static func child(_ name: String, of parent: Range<Int>, _ scan: ByteScan) -> Range<Int>? {
    boxes(scan, parent).first { $0.type == code(name) }?.content
  }

  private static func boxes(_ scan: ByteScan, _ range: Range<Int>) -> [Box] {
    var found: [Box] = []
    var offset = range.lowerBound
    while found.count < Limits.boxes, let box = box(scan, at: offset, end: range.upperBound),
      box.content.upperBound <= range.upperBound
    {
      found.append(box)
      offset = box.content.upperBound
    }
    return found
  }

  private static func box(_ scan: ByteScan, at offset: Int, end: Int) -> Box? {
    guard offset + 8 <= end, let size = scan.big32(at: offset), let type = scan.big32(at: offset + 4) else {
      return nil
    }
    switch size {
    case 0:
      return Box(content: offset + 8..<end, type: type)
    case 1:
      guard let long = scan.big(8, at: offset + 8), long >= 16, long < UInt64(Int.max / 2) else { return nil }
      return Box(content: offset + 16..<offset + Int(long), type: type)
    default:
      guard size >= 8 else { return nil }
      return Box(content: offset + 8..<offset + Int(size), type: type)
    }
  }

  private static func code(_ name: String) -> UInt32 {
    name.utf8.reduce(0) { $0 << 8 | UInt32($1) }
  }
}

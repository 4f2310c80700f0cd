import Crypto

/// Puts segments together of the messages of one stream, and refuses what is none. No I/O.
///
/// The parts of a segment come one after the other, from part 0 on. Of a refused segment, the parts that follow are
/// passed over: it has one answer.
struct SegmentAssembler {
  enum Outcome {
    case segment(AudioSegment)
    /// `endsRecording`: it was the last segment, and only the session's limit is against it.
    case refused(index: Int, SegmentRefusal, endsRecording: Bool = false)
  }

  /// A segment of which parts are to come.
  private struct Assembly {
    var segment: AudioSegment
    var hash: SHA256
    var nextPart: Int
  }

  private let kind: AudioKind
  private var assembly: Assembly?
  /// Parts of this segment follow that nobody wants.
  private var skipped: Int?

  init(kind: AudioKind) { self.kind = kind }

  /// A segment has begun and its other parts are to come.
  var isAssembling: Bool { assembly != nil }
  /// What has come of it.
  var assembled_bytes: Int { assembly?.segment.content.count ?? 0 }

  /// The answers that are due after this message, in order; none while parts are to come.
  mutating func add(_ part: consuming AudioPart) -> [Outcome] {
    if let index = skipped {
      skipped = nil
      if part.index == index, part.part > 0 {
        skipped = part.hasMoreParts ? index : nil
        return []
      }
    }
    guard let expected = assembly?.nextPart, let index = assembly?.segment.index else { return begin(part) }
    if part.index == index, part.part == expected { return extend(with: part) }
    assembly = nil
    let lost = Outcome.refused(
      index: index, .fieldInvalid(field: "segment.part", description: "\(expected) was expected"))
    // A stray part of the same segment is no segment of its own.
    if part.index == index, part.part > 0 {
      skipped = part.hasMoreParts ? index : nil
      return [lost]
    }
    return [lost] + begin(part)
  }

  /// Gives up the segment whose parts do not come, or for which there is no memory.
  mutating func abandon(_ refusal: SegmentRefusal) -> Outcome? {
    guard let index = assembly?.segment.index else { return nil }
    return refuse(index, refusal, more: true)
  }

  private mutating func begin(_ part: consuming AudioPart) -> Outcome? {
    if kind == .segmented, part.index >= Limits.segments {
      skipped = part.hasMoreParts ? part.index : nil
      return .refused(index: part.index, .sessionFull, endsRecording: part.isLast)
    }
    if let refusal = refusal(of: part) { return refuse(part.index, refusal, more: part.hasMoreParts) }
    var segment = AudioSegment(
      index: part.index, content: part.content, digest: [], duration_ms: part.duration_ms,
      isLast: part.isLast || kind == .wholeMessage, recordTime: part.recordTime)
    guard part.hasMoreParts else {
      segment.digest = Array(SHA256.hash(data: segment.content))
      return .segment(segment)
    }
    var hash = SHA256()
    hash.update(data: segment.content)
    assembly = Assembly(segment: segment, hash: hash, nextPart: 1)
    return nil
  }

  private mutating func begin(_ part: consuming AudioPart) -> [Outcome] {
    let outcome: Outcome? = begin(part)
    return outcome.map { [$0] } ?? []
  }

  private mutating func extend(with part: consuming AudioPart) -> [Outcome] {
    if part.content.count > Limits.segmentPart_bytes {
      return [refuse(part.index, .tooLarge(limit_bytes: Limits.segmentPart_bytes), more: part.hasMoreParts)]
    }
    guard (assembly?.segment.content.count ?? 0) + part.content.count <= Limits.segment_bytes else {
      return [refuse(part.index, .tooLarge(limit_bytes: Limits.segment_bytes), more: part.hasMoreParts)]
    }
    assembly?.segment.content.append(contentsOf: part.content)
    assembly?.hash.update(data: part.content)
    assembly?.nextPart += 1
    if part.isLast { assembly?.segment.isLast = true }
    guard !part.hasMoreParts, var whole = assembly?.segment, let hash = assembly?.hash else { return [] }
    assembly = nil
    whole.digest = Array(hash.finalize())
    return [.segment(whole)]
  }

  private mutating func refuse(_ index: Int, _ refusal: SegmentRefusal, more: Bool) -> Outcome {
    assembly = nil
    skipped = more ? index : nil
    return .refused(index: index, refusal)
  }

  private func refusal(of part: borrowing AudioPart) -> SegmentRefusal? {
    let index = part.index
    guard (0..<Limits.segments).contains(index) else {
      return .fieldInvalid(field: "segment.index", description: "must be 0..\(Limits.segments - 1)")
    }
    if kind == .wholeMessage, index != 0 {
      return .fieldInvalid(field: "segment.index", description: "must be 0: the session is one whole message")
    }
    if part.part != 0 { return .fieldInvalid(field: "segment.part", description: "0 was expected") }
    if part.content.isEmpty { return .fieldInvalid(field: "segment.content", description: "is empty") }
    if part.content.count > Limits.segmentPart_bytes { return .tooLarge(limit_bytes: Limits.segmentPart_bytes) }
    guard (0...Limits.session_ms).contains(part.duration_ms) else {
      return .fieldInvalid(field: "segment.duration", description: "must be 0 s..\(Limits.session_ms / 1_000) s")
    }
    return nil
  }
}

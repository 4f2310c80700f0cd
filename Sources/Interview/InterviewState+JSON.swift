import FoundationEssentials

/// The stored form: `{"version":1,"stage":"childhood","coverage":{"childhood.parents":{"level":"touched",
/// "evidence":["…"]}},"control":{…},…}`. Absent members have their default, unknown members and slots are skipped, so
/// that older and newer servers read each other's states.
extension InterviewState: Codable {
  package enum FormatError: Error, Equatable { case notAState(String) }

  /// - Throws: `FormatError` when the text is no JSON object or a known member has a wrong type. Blank is a new state.
  package init(jsonText: String) throws(FormatError) {
    if MessageText.isBlank(jsonText) {
      self.init()
      return
    }
    do {
      self = try JSONDecoder().decode(InterviewState.self, from: Data(jsonText.utf8))
    } catch {
      throw FormatError.notAState("\(error)")
    }
  }

  /// Keys are sorted: equal states have equal texts.
  package var jsonText: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // A state holds strings, whole numbers and booleans only, which always encode.
    guard let data = try? encoder.encode(self) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }

  private enum CodingKeys: String, CodingKey {
    case version, stage, coverage, control, userTurnCount, lastAskedSlot, followUpCount, shortAnswerCount
    case griefInSession, restedLastTurn, pendingProfileField, birthYearCandidate, zodiac, profileRefusals
    case profileAskings, laterStage
  }

  package init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    self.init(stage: try box.decodeIfPresent(String.self, forKey: .stage).flatMap { Stage(name: $0) } ?? .childhood)
    for (name, value) in try box.decodeIfPresent([String: SlotCoverage].self, forKey: .coverage) ?? [:] {
      if let slot = SlotID(name: name) { coverage[slot] = value }
    }
    for (name, value) in try box.decodeIfPresent([String: SlotControl].self, forKey: .control) ?? [:] {
      if let slot = SlotID(name: name) { control[slot] = value }
    }
    userTurnCount = max(0, try box.decodeIfPresent(Int.self, forKey: .userTurnCount) ?? 0)
    lastAskedSlot = try box.decodeIfPresent(String.self, forKey: .lastAskedSlot).flatMap { SlotID(name: $0) }
    followUpCount = max(0, try box.decodeIfPresent(Int.self, forKey: .followUpCount) ?? 0)
    shortAnswerCount = max(0, try box.decodeIfPresent(Int.self, forKey: .shortAnswerCount) ?? 0)
    griefInSession = try box.decodeIfPresent(Bool.self, forKey: .griefInSession) ?? false
    restedLastTurn = try box.decodeIfPresent(Bool.self, forKey: .restedLastTurn) ?? false
    pendingProfileField = try box.decodeIfPresent(String.self, forKey: .pendingProfileField)
      .flatMap(ProfileField.init(rawValue:))
    birthYearCandidate = try box.decodeIfPresent(Int.self, forKey: .birthYearCandidate)
    zodiac = try box.decodeIfPresent(Int.self, forKey: .zodiac).flatMap { (0..<12).contains($0) ? $0 : nil }
    profileRefusals = Self.fields(try box.decodeIfPresent([String: Int].self, forKey: .profileRefusals))
    profileAskings = Self.fields(try box.decodeIfPresent([String: Int].self, forKey: .profileAskings))
    laterStage = try box.decodeIfPresent(String.self, forKey: .laterStage).flatMap { Stage(name: $0) }
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(InterviewState.version, forKey: .version)
    try box.encode(stage.rawValue, forKey: .stage)
    try box.encode(Self.named(coverage), forKey: .coverage)
    try box.encode(Self.named(control), forKey: .control)
    try box.encode(userTurnCount, forKey: .userTurnCount)
    try box.encodeIfPresent(lastAskedSlot?.description, forKey: .lastAskedSlot)
    try box.encode(followUpCount, forKey: .followUpCount)
    try box.encode(shortAnswerCount, forKey: .shortAnswerCount)
    try box.encode(griefInSession, forKey: .griefInSession)
    try box.encode(restedLastTurn, forKey: .restedLastTurn)
    try box.encodeIfPresent(pendingProfileField?.rawValue, forKey: .pendingProfileField)
    try box.encodeIfPresent(birthYearCandidate, forKey: .birthYearCandidate)
    try box.encodeIfPresent(zodiac, forKey: .zodiac)
    try box.encode(Self.named(profileRefusals), forKey: .profileRefusals)
    try box.encode(Self.named(profileAskings), forKey: .profileAskings)
    try box.encodeIfPresent(laterStage?.rawValue, forKey: .laterStage)
  }

  private static func fields(_ named: [String: Int]?) -> [ProfileField: Int] {
    var counts: [ProfileField: Int] = [:]
    for (name, count) in named ?? [:] {
      if let field = ProfileField(rawValue: name) { counts[field] = max(0, count) }
    }
    return counts
  }

  private static func named(_ counts: [ProfileField: Int]) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })
  }

  private static func named<Value>(_ slots: [SlotID: Value]) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: slots.map { ($0.key.description, $0.value) })
  }
}

extension SlotCoverage: Codable {
  private enum CodingKeys: String, CodingKey { case level, evidence }

  package init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    level = try box.decodeIfPresent(String.self, forKey: .level).flatMap(Coverage.init(rawValue:)) ?? .empty
    evidence = Array((try box.decodeIfPresent([String].self, forKey: .evidence) ?? []).suffix(Limits.evidencePerSlot))
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(level, forKey: .level)
    try box.encode(evidence, forKey: .evidence)
  }
}

extension SlotControl: Codable {
  private enum CodingKeys: String, CodingKey { case askedCount, lastAskedTurn, declined, notApplicable }

  package init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    askedCount = max(0, try box.decodeIfPresent(Int.self, forKey: .askedCount) ?? 0)
    lastAskedTurn = try box.decodeIfPresent(Int.self, forKey: .lastAskedTurn)
    declined = try box.decodeIfPresent(Bool.self, forKey: .declined) ?? false
    notApplicable = try box.decodeIfPresent(Bool.self, forKey: .notApplicable) ?? false
  }

  package func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    if askedCount > 0 { try box.encode(askedCount, forKey: .askedCount) }
    try box.encodeIfPresent(lastAskedTurn, forKey: .lastAskedTurn)
    if declined { try box.encode(declined, forKey: .declined) }
    if notApplicable { try box.encode(notApplicable, forKey: .notApplicable) }
  }
}

import JSON

/// The stored form: `{"version":1,"stage":"childhood","coverage":{"childhood.parents":{"level":"touched",
/// "evidence":["…"]}},"control":{…},…}`. Absent and null members have their default, unknown members and slots are
/// skipped, so that older and newer servers read each other's states.
///
/// Read and written in every turn, and growing with what was told: by hand it takes a twentieth of what Codable takes.
extension InterviewState {
  package enum FormatError: Error, Equatable { case notAState(String) }

  /// - Throws: `FormatError` when the text is no JSON object or a known member has a wrong type. Blank is a new state.
  package init(jsonText: String) throws(FormatError) {
    self.init()
    if MessageText.isBlank(jsonText) { return }
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue(parsing: jsonText, as: .standard(nesting_max: Limits.stateNesting))
    } catch {
      throw .notAState("\(error)")
    }
    for (name, value) in try Self.members(document, of: "state") { try read(name, value) }
  }

  private mutating func read(_ name: String, _ value: JSONValue) throws(FormatError) {
    switch name {
    case "stage": stage = Stage(name: try Self.string(value, name)) ?? stage
    case "coverage": coverage = try Self.slots(value, name, SlotCoverage.init)
    case "control": control = try Self.slots(value, name, SlotControl.init)
    case "userTurnCount": userTurnCount = try Self.count(value, name)
    case "lastAskedSlot": lastAskedSlot = SlotID(name: try Self.string(value, name))
    case "followUpCount": followUpCount = try Self.count(value, name)
    case "shortAnswerCount": shortAnswerCount = try Self.count(value, name)
    case "griefInSession": griefInSession = try Self.bool(value, name)
    case "restedLastTurn": restedLastTurn = try Self.bool(value, name)
    case "pendingProfileField": pendingProfileField = ProfileField(rawValue: try Self.string(value, name))
    case "birthYearCandidate": birthYearCandidate = try Self.integer(value, name)
    case "zodiac":
      let sign = try Self.integer(value, name)
      zodiac = (0..<12).contains(sign) ? sign : nil
    case "profileRefusals": profileRefusals = try Self.fields(value, name)
    case "profileAskings": profileAskings = try Self.fields(value, name)
    case "laterStage": laterStage = Stage(name: try Self.string(value, name))
    default: break
    }
  }

  /// Members stand in one order: equal states have equal texts.
  package var jsonText: String {
    var json = StateWriter()
    json.object {
      if let birthYearCandidate { $0.member("birthYearCandidate", birthYearCandidate) }
      $0.slots("control", control) { $0.control($1) }
      $0.slots("coverage", coverage) { $0.coverage($1) }
      $0.member("followUpCount", followUpCount)
      $0.member("griefInSession", griefInSession)
      if let lastAskedSlot { $0.member("lastAskedSlot", lastAskedSlot.description) }
      if let laterStage { $0.member("laterStage", laterStage.rawValue) }
      if let pendingProfileField { $0.member("pendingProfileField", pendingProfileField.rawValue) }
      $0.fields("profileAskings", profileAskings)
      $0.fields("profileRefusals", profileRefusals)
      $0.member("restedLastTurn", restedLastTurn)
      $0.member("shortAnswerCount", shortAnswerCount)
      $0.member("stage", stage.rawValue)
      $0.member("userTurnCount", userTurnCount)
      $0.member("version", InterviewState.version)
      if let zodiac { $0.member("zodiac", zodiac) }
    }
    return json.text
  }
}

extension InterviewState {
  /// The members of an object that are not null.
  fileprivate static func members(
    _ value: JSONValue, of name: String
  ) throws(FormatError) -> some Sequence<(String, JSONValue)> {
    guard case .object(let members) = value else { throw wrong(name, "an object", value) }
    return members.lazy.filter { $0.value != .null }.map { ($0.key, $0.value) }
  }

  fileprivate static func string(_ value: JSONValue, _ name: String) throws(FormatError) -> String {
    guard case .string(let text) = value else { throw wrong(name, "a string", value) }
    return text
  }

  fileprivate static func integer(_ value: JSONValue, _ name: String) throws(FormatError) -> Int {
    guard case .number(let digits) = value, let number = Int(digits) else { throw wrong(name, "a whole number", value) }
    return number
  }

  fileprivate static func count(_ value: JSONValue, _ name: String) throws(FormatError) -> Int {
    max(0, try integer(value, name))
  }

  fileprivate static func bool(_ value: JSONValue, _ name: String) throws(FormatError) -> Bool {
    guard case .bool(let value) = value else { throw wrong(name, "a truth value", value) }
    return value
  }

  private static func slots<Value>(
    _ value: JSONValue, _ name: String, _ read: (JSONValue) throws(FormatError) -> Value
  ) throws(FormatError) -> [SlotID: Value] {
    var slots: [SlotID: Value] = [:]
    for (name, value) in try members(value, of: name) {
      let value = try read(value)
      if let slot = SlotID(name: name) { slots[slot] = value }
    }
    return slots
  }

  private static func fields(_ value: JSONValue, _ name: String) throws(FormatError) -> [ProfileField: Int] {
    var counts: [ProfileField: Int] = [:]
    for (name, value) in try members(value, of: name) {
      let count = try count(value, name)
      if let field = ProfileField(rawValue: name) { counts[field] = count }
    }
    return counts
  }

  private static func wrong(_ name: String, _ expected: String, _ value: JSONValue) -> FormatError {
    .notAState("\(name) must be \(expected), not \(value.kind)")
  }
}

extension SlotCoverage {
  fileprivate init(_ value: JSONValue) throws(InterviewState.FormatError) {
    for (name, value) in try InterviewState.members(value, of: "a slot's coverage") {
      switch name {
      case "level": level = Coverage(rawValue: try InterviewState.string(value, name)) ?? .empty
      case "evidence":
        guard case .array(let ids) = value else { throw .notAState("evidence must be an array, not \(value.kind)") }
        for id in ids.suffix(Limits.evidencePerSlot) { evidence.append(try InterviewState.string(id, name)) }
      default: break
      }
    }
  }
}

extension SlotControl {
  fileprivate init(_ value: JSONValue) throws(InterviewState.FormatError) {
    for (name, value) in try InterviewState.members(value, of: "a slot's control") {
      switch name {
      case "askedCount": askedCount = try InterviewState.count(value, name)
      case "lastAskedTurn": lastAskedTurn = try InterviewState.integer(value, name)
      case "declined": declined = try InterviewState.bool(value, name)
      case "notApplicable": notApplicable = try InterviewState.bool(value, name)
      default: break
      }
    }
  }
}

/// Writes objects of the state. Names are plain: nothing in them needs an escape.
private struct StateWriter {
  private(set) var text = ""
  private var isFirst = true

  mutating func object(_ members: (inout StateWriter) -> Void) {
    text += "{"
    isFirst = true
    members(&self)
    text += "}"
    isFirst = false
  }

  mutating func member(_ name: String, _ number: Int) {
    begin(name)
    text += String(number)
  }

  mutating func member(_ name: String, _ value: Bool) {
    begin(name)
    text += value ? "true" : "false"
  }

  mutating func member(_ name: String, _ value: String) {
    begin(name)
    JSONPrinter.print(value, into: &text)
  }

  /// In the order of the catalogue.
  mutating func slots<Value>(_ name: String, _ values: [SlotID: Value], _ body: (inout StateWriter, Value) -> Void) {
    begin(name)
    object { json in
      guard !values.isEmpty else { return }
      for (slot, name) in Catalogue.names {
        guard let value = values[slot] else { continue }
        json.begin(name)
        json.object { body(&$0, value) }
      }
    }
  }

  mutating func fields(_ name: String, _ counts: [ProfileField: Int]) {
    begin(name)
    object { json in
      for field in ProfileField.allCases {
        if let count = counts[field] { json.member(field.rawValue, count) }
      }
    }
  }

  mutating func control(_ control: SlotControl) {
    if control.askedCount > 0 { member("askedCount", control.askedCount) }
    if control.declined { member("declined", true) }
    if let turn = control.lastAskedTurn { member("lastAskedTurn", turn) }
    if control.notApplicable { member("notApplicable", true) }
  }

  mutating func coverage(_ coverage: SlotCoverage) {
    begin("evidence")
    text += "["
    for (index, id) in coverage.evidence.enumerated() {
      if index > 0 { text += "," }
      JSONPrinter.print(id, into: &text)
    }
    text += "]"
    member("level", coverage.level.rawValue)
  }

  private mutating func begin(_ name: String) {
    text += isFirst ? "\"" : ",\""
    text += name
    text += "\":"
    isFirst = false
  }
}

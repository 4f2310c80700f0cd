/// One setting: its names, default and meaning, and how its text becomes a value.
package struct Setting<Value: Sendable>: Sendable {
  package let description: SettingDescription
  let parse: @Sendable (String) throws(InvalidValue) -> Value

  /// - Parameters:
  ///   - flag: the flag of `lifeecho serve` that sets it; every setting can also be set with `--set NAME=VALUE`.
  ///   - defaultText: as one would write it; nil: unset.
  init(
    _ name: String, flag: String? = nil, _ placeholder: String, default defaultText: String?, _ meaning: String,
    parse: @escaping @Sendable (String) throws(InvalidValue) -> Value
  ) {
    description = SettingDescription(
      name: name, flag: flag, placeholder: placeholder, defaultText: defaultText, meaning: meaning)
    self.parse = parse
  }
}

/// What a person needs to know about a setting; the manual and the README's table are made of these.
package struct SettingDescription: Sendable, Equatable {
  /// Dotted, as in the file: `regreeting.idle`.
  package let name: String
  package let flag: String?
  package let placeholder: String
  package let defaultText: String?
  package let meaning: String

  /// `regreeting.idle` → `LIFEECHO_REGREETING_IDLE`.
  package var environmentName: String {
    "LIFEECHO_" + name.uppercased().map { $0 == "." ? "_" : String($0) }.joined()
  }
}

/// How setting texts become values.
enum SettingValue {
  @Sendable static func text(_ text: String) throws(InvalidValue) -> String {
    guard !text.isEmpty else { throw InvalidValue("it is empty") }
    return text
  }

  /// Names separated by commas; spaces around them do not count.
  @Sendable static func list(_ text: String) throws(InvalidValue) -> [String] {
    text.split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
  }

  @Sendable static func boolean(_ text: String) throws(InvalidValue) -> Bool {
    switch text.lowercased() {
    case "true", "yes", "on", "1": return true
    case "false", "no", "off", "0": return false
    default: throw InvalidValue("'\(text)' is not true or false")
    }
  }

  static func integer(_ range: ClosedRange<Int>) -> @Sendable (String) throws(InvalidValue) -> Int {
    { (text) throws(InvalidValue) in
      guard let value = Int(text), range.contains(value) else {
        throw InvalidValue("'\(text)' is not a whole number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  static func number(_ range: ClosedRange<Double>) -> @Sendable (String) throws(InvalidValue) -> Double {
    { (text) throws(InvalidValue) in
      guard let value = Double(text), range.contains(value) else {
        throw InvalidValue("'\(text)' is not a number from \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  static func duration(_ range: ClosedRange<Duration>) -> @Sendable (String) throws(InvalidValue) -> Duration {
    { (text) throws(InvalidValue) in
      let value = try DurationText.parse(text)
      guard range.contains(value) else {
        throw InvalidValue("\(text) is outside \(range.lowerBound) to \(range.upperBound)")
      }
      return value
    }
  }

  static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _: Choice.Type
  ) -> @Sendable (String) throws(InvalidValue) -> Choice {
    { (text) throws(InvalidValue) in
      guard let value = Choice(rawValue: text.lowercased()) else {
        throw InvalidValue("'\(text)' is not one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return value
    }
  }
}

extension SettingValue {
  /// Names separated by commas, each one of a choice.
  static func choices<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ type: Choice.Type
  ) -> @Sendable (String) throws(InvalidValue) -> [Choice] {
    { (text) throws(InvalidValue) in
      var choices: [Choice] = []
      for name in try list(text) { choices.append(try choice(type)(name)) }
      return choices
    }
  }
}

extension StringProtocol {
  var trimmingSpaces: String {
    String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
  }
}

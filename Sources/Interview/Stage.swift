/// A chapter of life, in the order of the interview (design §8). The raw value is the name on the wire and in the
/// store.
package enum Stage: String, CaseIterable, Sendable, Codable, Hashable, Comparable {
  case childhood
  case adolescence
  case youngAdult = "young_adult"
  case loveMarriage = "love_marriage"
  case work
  case parenthood
  case midlife
  case laterLife = "later_life"
  case reflection

  /// The position in the interview, from 0.
  package var order: Int {
    switch self {
    case .childhood: 0
    case .adolescence: 1
    case .youngAdult: 2
    case .loveMarriage: 3
    case .work: 4
    case .parenthood: 5
    case .midlife: 6
    case .laterLife: 7
    case .reflection: 8
    }
  }

  /// The Chinese name of the chapter.
  package var title: String {
    switch self {
    case .childhood: "童年与家"
    case .adolescence: "少年求学"
    case .youngAdult: "青年闯荡"
    case .loveMarriage: "恋爱成家"
    case .work: "工作事业"
    case .parenthood: "为人父母"
    case .midlife: "中年转折"
    case .laterLife: "退休晚年"
    case .reflection: "回望寄语"
    }
  }

  /// The next chapter; `nil` after the last one.
  package var next: Stage? { Stage.allCases.dropFirst(order + 1).first }

  /// The usual ages of this chapter, in years; they choose which facts of the time are worth a hint.
  package var ages: ClosedRange<Int> {
    switch self {
    case .childhood: 3...12
    case .adolescence: 12...18
    case .youngAdult: 17...28
    case .loveMarriage: 20...35
    case .work: 18...60
    case .parenthood: 22...50
    case .midlife: 38...58
    case .laterLife: 55...100
    case .reflection: 60...120
    }
  }

  /// Reads a stored or legacy stage name: surrounding white space and case do not matter; `nil` when unknown or blank.
  package init?(name: String) {
    let key = MessageText.trimmed(name).lowercased().replacing("-", with: "_")
    guard let stage = Stage(rawValue: key) ?? Stage.legacyNames[key] else { return nil }
    self = stage
  }

  /// The order of a stored stage name; −1 when it is unknown (voice systems survey §3.1 item 13).
  package static func order(ofName name: String) -> Int { Stage(name: name)?.order ?? -1 }

  package static func < (a: Stage, b: Stage) -> Bool { a.order < b.order }

  /// Names that earlier versions of the apps and of the memoir writer stored.
  private static let legacyNames: [String: Stage] = [
    "early_childhood": .childhood, "family": .childhood, "童年": .childhood, "童年与家": .childhood,
    "teenage": .adolescence, "youth": .adolescence, "school": .adolescence, "education": .adolescence,
    "少年": .adolescence, "求学": .adolescence, "少年求学": .adolescence,
    "youngadult": .youngAdult, "early_adulthood": .youngAdult, "青年": .youngAdult, "青年闯荡": .youngAdult,
    "lovemarriage": .loveMarriage, "love": .loveMarriage, "marriage": .loveMarriage,
    "恋爱": .loveMarriage, "婚姻": .loveMarriage, "恋爱成家": .loveMarriage,
    "career": .work, "事业": .work, "工作": .work, "工作事业": .work,
    "parenting": .parenthood, "children": .parenthood, "为人父母": .parenthood,
    "middle_age": .midlife, "mid_life": .midlife, "中年": .midlife, "中年转折": .midlife,
    "laterlife": .laterLife, "retirement": .laterLife, "old_age": .laterLife, "晚年": .laterLife, "退休": .laterLife,
    "退休晚年": .laterLife,
    "legacy": .reflection, "summary": .reflection, "回望": .reflection, "寄语": .reflection, "回望寄语": .reflection,
  ]
}

extension Stage {
  /// The stage a conversation has after a connect (voice systems survey §3.1 item 13). Blank memoir stage: unchanged.
  /// Blank conversation stage, or a memoir stage that is not earlier: the memoir's. Never backward; unknown counts as
  /// −1.
  package static func aligned(conversation: String, memoir: String) -> String {
    let memoir = MessageText.trimmed(memoir)
    let current = MessageText.trimmed(conversation)
    if memoir.isEmpty { return conversation }
    if current.isEmpty || order(ofName: memoir) >= order(ofName: current) { return memoir }
    return conversation
  }
}

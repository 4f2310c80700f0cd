/// Numbers as old people write and say them: `1952`, `１９５２`, `一九五二`, `五二`, `七十三`, `廿三`.
enum ChineseNumber {
  /// The value of one digit, Arabic (also full-width) or Chinese; `nil` for anything else.
  static func digit(_ scalar: Unicode.Scalar) -> Int? {
    switch scalar {
    case "0"..."9": Int(scalar.value - 0x30)
    case "０"..."９": Int(scalar.value - 0xFF10)
    case "〇", "零", "○", "洞": 0
    case "一", "壹", "幺": 1
    case "二", "贰", "两": 2
    case "三", "叁": 3
    case "四", "肆": 4
    case "五", "伍": 5
    case "六", "陆": 6
    case "七", "柒": 7
    case "八", "捌": 8
    case "九", "玖": 9
    default: nil
    }
  }

  static func isNumeral(_ scalar: Unicode.Scalar) -> Bool {
    digit(scalar) != nil || scalar == "十" || scalar == "百" || scalar == "廿" || scalar == "卅"
  }

  /// Reads a run of numerals below 1000 with 十 and 百, or a plain string of up to four digits.
  /// - Returns: the number, and how many digits were written when it was a plain string of digits (`nil` otherwise).
  static func parse(_ run: [Unicode.Scalar]) -> (value: Int, digits: Int?)? {
    guard !run.isEmpty, run.count <= 6 else { return nil }
    let digits = run.compactMap(digit)
    if digits.count == run.count {
      return digits.count <= 4 ? (digits.reduce(0) { $0 * 10 + $1 }, digits.count) : nil
    }
    var total = 0
    var current: Int?
    for scalar in run {
      switch scalar {
      case "百":
        total += (current ?? 1) * 100
        current = nil
      case "十":
        total += (current ?? 1) * 10
        current = nil
      case "廿":
        total += 20
      case "卅":
        total += 30
      default:
        guard current == nil || current == 0, let digit = digit(scalar) else { return nil }
        current = digit
      }
    }
    return (total + (current ?? 0), nil)
  }

  /// The maximal runs of numerals in a text.
  static func runs(in text: [Unicode.Scalar]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var start: Int?
    for position in 0...text.count {
      if position < text.count, isNumeral(text[position]) {
        start = start ?? position
      } else if let from = start {
        runs.append(from..<position)
        start = nil
      }
    }
    return runs
  }
}

import JSON
import NIOCore
import TestSupport
import Testing

@testable import WebSocketBridge

/// The one-pass reader and the plain reference agree on what is JSON, on every member, and on what it means.
@Suite struct FrameFuzzTests {
  @Test(arguments: 0..<8) func agreesWithTheReference(_ seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for round in 0..<1500 {
      var text = frame(&random)
      for _ in 0..<Int.random(in: 0...2, using: &random) { mutate(&text, &random) }
      compare(text, "seed \(seed), round \(round)")
    }
  }

  private func compare(_ text: String, _ comment: Comment) {
    let bytes = ByteBuffer(string: text)
    let span = bytes.readableBytesUInt8Span
    let fields = try? FrameFields(span)
    guard case .object(let members)? = Reference.json(text) else {
      #expect(fields == nil, "\(comment): \(text)")
      return
    }
    guard let fields else {
      Issue.record("\(comment): refused \(text)")
      return
    }
    compare(fields.type, members[Array("type".utf16)], span, text)
    let data = members[Array("data".utf16)]
    if case .object(let inner)? = data {
      for member in FrameFields.Member.allCases {
        compare(fields[member], inner[Array(member.name.description.utf16)], span, text)
      }
    } else {
      #expect(fields.data.isAbsent == (data == nil))
    }
  }

  private func compare(_ token: JSONToken, _ value: Reference.Value?, _ bytes: Span<UInt8>, _ text: String) {
    let source = token.source(in: bytes)
    let isFalsy = PythonRules.isFalsy(token, bytes)
    switch value {
    case nil: #expect(token.isAbsent && isFalsy, "\(text)")
    case .null: #expect(token.kind == .null && isFalsy, "\(text)")
    case .bool(let value): #expect(token.kind == (value ? .true : .false) && isFalsy != value, "\(text)")
    case .number(let number): #expect(source == number && isFalsy == (Double(number) == 0), "\(text)")
    case .array(let values): #expect(token.kind == .array && isFalsy == values.isEmpty, "\(text)")
    case .object(let members): #expect(token.kind == .object && isFalsy == members.isEmpty, "\(text)")
    case .string(let units):
      guard token.kind == .string else {
        Issue.record("no string: \(text)")
        return
      }
      let string = JSONText(token, in: bytes)
      let isLone = String(validating: units, as: UTF16.self) == nil
      #expect(isFalsy == units.isEmpty && string.hasLoneSurrogate == isLone, "\(text)")
      if !isLone { #expect(Array(string.text.utf16) == units, "\(text)") }
    }
  }

  // MARK: Making frames

  private func frame(_ random: inout SeededGenerator) -> String {
    var members = ["\"type\":" + value(&random, 0)]
    let names = FrameFields.Member.allCases.map(\.name.description)
    let data = (0..<Int.random(in: 0...6, using: &random)).map { _ in
      "\(space(&random))\"\(names.randomElement(using: &random)!)\"\(space(&random)):\(value(&random, 2))"
    }
    members.append("\"data\":{\(data.joined(separator: ","))}")
    if Bool.random(using: &random) { members.append("\"d\\u0061ta\":\(value(&random, 1))") }
    if Bool.random(using: &random) { members.append("\"x\":\(value(&random, 0))") }
    return space(&random) + "{" + members.shuffled(using: &random).joined(separator: ",") + "}" + space(&random)
  }

  private func space(_ random: inout SeededGenerator) -> String {
    ["", "", "", " ", "\n", "\t \r"].randomElement(using: &random)!
  }

  private func value(_ random: inout SeededGenerator, _ depth: Int) -> String {
    switch Int.random(in: 0..<(depth < 4 ? 9 : 6), using: &random) {
    case 0: ["null", "true", "false", "NaN", "Infinity", "-Infinity"].randomElement(using: &random)!
    case 1:
      ["0", "-0", "7", "-12", "0.0", "3.5", "1e5", "1E-3", "1e999", "01", "1.", "-", ".5", "1e", "-0.0e1"]
        .randomElement(using: &random)!
    case 2, 3: string(&random, Int.random(in: 0...3, using: &random))
    case 4: string(&random, Int.random(in: 0...70, using: &random))
    case 5: "\"\(["ping", "text", "audio_segment", "s-1", "QUJD"].randomElement(using: &random)!)\""
    case 6, 7:
      "[" + (0..<Int.random(in: 0...3, using: &random)).map { _ in value(&random, depth + 1) }.joined(separator: ",")
        + space(&random) + "]"
    default:
      "{"
        + (0..<Int.random(in: 0...3, using: &random)).map { _ in "\"k\":\(value(&random, depth + 1))" }
        .joined(separator: ",") + "}"
    }
  }

  private func string(_ random: inout SeededGenerator, _ length: Int) -> String {
    let parts = [
      "a", "Z", "0", "/", "+", "=", " ", "é", "你", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00",
      "\\ud800", "\\udc00", "\\u4f60", "\u{7f}",
    ]
    let isPlain = Bool.random(using: &random)
    return "\"" + (0..<length).map { _ in isPlain ? "b" : parts.randomElement(using: &random)! }.joined() + "\""
  }

  private func mutate(_ text: inout String, _ random: inout SeededGenerator) {
    var scalars = Array(text.unicodeScalars)
    guard !scalars.isEmpty else { return }
    let place = Int.random(in: 0..<scalars.count, using: &random)
    let inserted = Array("{}[]\",:\\0eE+-.tnuN \u{1}\u{feff}".unicodeScalars).randomElement(using: &random)!
    switch Int.random(in: 0..<4, using: &random) {
    case 0: scalars.remove(at: place)
    case 1: scalars.insert(inserted, at: place)
    case 2: scalars[place] = inserted
    default: scalars.removeLast(min(3, scalars.count))
    }
    text = String(String.UnicodeScalarView(scalars))
  }
}

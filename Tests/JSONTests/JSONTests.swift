import JSON
import Testing

@Suite struct JSONTests {
  private static let dialect = JSONDialect.standard(nesting_max: 4)

  @Test func valuesKeepTheirOrderAndTheirDigits() throws {
    let text =
      #" {"b": [1, -0.50e+3, 18446744073709551615], "a": {"": null}, "t":true,"f" :false, "s":"é\u00e9\ud83d\ude00\n"} "#
    let value = try JSONValue(parsing: text, as: Self.dialect)
    #expect(
      value
        == .object([
          .init("b", .array([.number("1"), .number("-0.50e+3"), .number("18446744073709551615")])),
          .init("a", .object([.init("", .null)])), .init("t", .bool(true)), .init("f", .bool(false)),
          .init("s", .string("éé😀\n")),
        ]))
    var printed = ""
    JSONPrinter.print(value, into: &printed)
    #expect(try JSONValue(parsing: printed, as: Self.dialect) == value)
  }

  @Test(arguments: [
    ("", 0, "the text ends"), ("[1,]", 3, "no JSON value begins like this"), ("[1", 2, "a comma or ] is missing"),
    ("{\"a\":1", 6, "a comma or } is missing"), ("{a:1}", 1, "a key in quotes is missing"),
    ("{\"a\" 1}", 5, ": is missing"),
    ("01", 0, "no JSON value begins like this"), ("-", 0, "no JSON value begins like this"),
    ("1.", 2, "digits are missing after the point"), ("1e+", 3, "digits of the exponent are missing"),
    ("tru", 0, "no JSON value begins like this"), ("\"a", 2, "the text ends within a string"),
    ("\"\u{1}\"", 1, "a control character in a string"), ("\"\\x\"", 1, "an unknown escape"),
    ("\"\\u12\"", 1, "four hexadecimal digits are missing"), ("1 2", 2, "more text after the value"),
    ("\"\\ud800\"", 8, "half of a surrogate pair"), ("{\"a\":1,\"\\u0061\":2}", 16, "the key \"a\" is there twice"),
    ("[[[[[]]]]]", 4, "nested deeper than 4"), ("NaN", 0, "no JSON value begins like this"),
    ("-Infinity", 0, "no JSON value begins like this"), ("\u{feff}1", 0, "no JSON value begins like this"),
  ])
  func refusesSayingWhereAndWhy(text: String, offset: Int, reason: String) {
    #expect(throws: JSONError(offset: offset, reason: reason)) { try JSONValue(parsing: text, as: Self.dialect) }
  }

  /// Vectors, blocks and single bytes agree about where a string ends, wherever that is.
  @Test func stringsEndWhereTheyEnd() throws {
    for length in 0..<200 {
      let text = String(repeating: length % 3 == 0 ? "\u{7f}" : "字", count: length)
      #expect(try JSONValue(parsing: "\"\(text)\"", as: Self.dialect) == .string(text))
      #expect(try JSONValue(parsing: "\"\(text)\\n\(text)\"", as: Self.dialect) == .string("\(text)\n\(text)"))
      #expect(throws: JSONError(offset: 1 + text.utf8.count, reason: "a control character in a string")) {
        try JSONValue(parsing: "\"\(text)\u{1f}\(text)\"", as: Self.dialect)
      }
      #expect(throws: JSONError(offset: 1 + text.utf8.count, reason: "the text ends within a string")) {
        try JSONValue(parsing: "\"\(text)", as: Self.dialect)
      }
    }
  }

  @Test func pythonTakesMoreAndCountsDigits() throws {
    for text in ["NaN", "Infinity", "-Infinity", String(repeating: "7", count: 4300)] {
      #expect(try JSONValue(parsing: text, as: .python) == .number(text))
    }
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "7", count: 4301), as: .python) }
    let bomb = String(repeating: "[", count: 1_000_000)
    #expect(throws: JSONError(offset: 1000, reason: "nested deeper than 1000")) {
      try JSONValue(parsing: bomb, as: .python)
    }
  }

  /// Long strings are searched 16 bytes at a time: what ends them may stand anywhere.
  @Test func theEndOfAStringIsFoundAtEveryPlace() throws {
    for length in 0..<40 {
      let plain = String(repeating: "字", count: length / 3) + String(repeating: "a", count: length % 3)
      #expect(try JSONValue(parsing: "\"\(plain)\"", as: Self.dialect) == .string(plain))
      #expect(try JSONValue(parsing: "\"\(plain)\\n\"", as: Self.dialect) == .string(plain + "\n"))
      #expect(throws: JSONError.self) { try JSONValue(parsing: "\"\(plain)\n\"", as: Self.dialect) }
    }
  }

  @Test func printsWhatJSONDemands() {
    var text = ""
    JSONPrinter.print("a\"\\\n\r\t\u{0}\u{7f}\u{2028}字/", into: &text)
    #expect(text == #""a\"\\\n\r\t\u0000\u007f\u2028字/""#)
  }

  @Test(arguments: [
    (Duration.zero, "0"), (.seconds(3), "3"), (.milliseconds(3500), "3.5"), (.milliseconds(1005), "1.005"),
    (.microseconds(1), "0"),
  ])
  func seconds(_ duration: Duration, _ text: String) {
    #expect(duration.secondsText == text)
  }
}

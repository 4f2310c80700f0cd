import Testing

@testable import HTTP2

@Suite struct HeaderBlockTests {
  @Test(arguments: HeaderToken.allCases.filter { $0 != .other })
  func recognisesEveryKnownName(_ token: HeaderToken) {
    let block = HeaderBlock([("x-before", "1"), ("\(token.name)", "value"), ("x-after", "2")])
    #expect(block.string(token) == "value")
    #expect(block.has(token, "value"))
    #expect(!block.has(token, "valu"))
    #expect(block.withValue(token) { $0.count } == 5)
    #expect(block.value(named: "\(token.name)").map { String(decoding: $0, as: UTF8.self) } == "value")
  }

  @Test(arguments: ["", "x", "tf", ":pat", ":patH", "content-typf", "grpc-status-details-bim", "grpc-statuT"])
  func keepsOtherNamesAsBytes(_ name: String) {
    let block = HeaderBlock([(name, "v")])
    guard !name.isEmpty else { return }
    #expect(block.value(named: name).map(Array.init) == [UInt8(ascii: "v")])
    block.forEach { #expect($0.token == .other && $0.nameString == name) }
  }

  @Test func keepsOrderAndRepetitions() {
    let fields = [("a", "1"), ("te", "trailers"), ("a", "2"), ("b", "")]
    var seen: [String] = []
    HeaderBlock(fields).forEach { seen.append("\($0.nameString)=\($0.valueString)") }
    #expect(seen == ["a=1", "te=trailers", "a=2", "b="])
  }

  @Test func anEmptyBlockHasNothing() {
    let block = HeaderBlock()
    #expect(block.isEmpty && block.value(.path) == nil && block.value(named: "a") == nil)
  }

  @Test func growsAndShrinksWithoutLosingBytes() {
    let builder = HeaderBlockBuilder()
    for size in [10, 60_000, 3] {
      builder.reset()
      let value = [UInt8](repeating: 7, count: size)
      for _ in 0..<3 {
        Array("name".utf8).withUnsafeBufferPointer { name in
          value.withUnsafeBufferPointer { builder.append(name: name, value: $0) }
        }
      }
      var lengths: [Int] = []
      builder.build().forEach { field in
        lengths.append(field.value.count)
        #expect(field.value.allSatisfy { $0 == 7 })
      }
      #expect(lengths == [size, size, size])
    }
  }
}

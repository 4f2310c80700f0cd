import Foundation
import ProtobufJSON
import Testing

/// The mapping agrees with Python's json_format in both directions.
@Suite struct DifferentialTests {
  @Test func corpusIsThere() {
    #expect(Golden.corpus.count > 300)
    #expect(Set(Golden.corpus.map(\.type)).count > 80)
  }

  @Test(arguments: Golden.corpus)
  func wireToJSON(_ golden: Golden) throws {
    let json = try Golden.pool.decodeToJSON(golden.wire, as: golden.type)
    #expect(!json.contains("\n"))
    #expect(try canonical(json) == canonical(golden.json))
  }

  /// The order of map entries and fields is the JSON text's, so the bytes are compared without their order too.
  @Test(arguments: Golden.corpus)
  func jsonToWire(_ golden: Golden) throws {
    let wire = try Golden.pool.encodeJSON(golden.json, as: golden.type)
    #expect(wire.sorted() == golden.wire.sorted())
    #expect(
      try canonical(Golden.pool.decodeToJSON(wire, as: golden.type))
        == canonical(Golden.pool.decodeToJSON(golden.wire, as: golden.type)))
  }

  /// Our own output, in the order of the fields, makes the very bytes again.
  @Test(arguments: Golden.corpus.filter { $0.type.hasPrefix("lifeecho.") && !$0.type.contains("test") })
  func roundTrip(_ golden: Golden) throws {
    let json = try Golden.pool.decodeToJSON(golden.wire, as: golden.type)
    let again = try Golden.pool.encodeJSON(json, as: golden.type)
    #expect(again.count == golden.wire.count)
    #expect(try Golden.pool.decodeToJSON(again, as: golden.type) == json)
  }

  /// By Foundation's parser, so that our own one is not its own judge.
  private func canonical(_ json: String) throws -> NSDictionary {
    try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? NSDictionary)
  }
}

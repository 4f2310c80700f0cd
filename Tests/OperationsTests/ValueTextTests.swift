import Testing

@testable import Operations

@Suite struct ValueTextTests {
  @Test(
    arguments: [
      ("500ms", .milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("6h", .seconds(21_600)),
      ("2d", .seconds(172_800)), ("1h30m", .seconds(5400)), ("1.5s", .milliseconds(1500)), ("0s", .zero),
      ("1m0.25s", .milliseconds(60_250)),
    ] as [(String, Duration)])
  func readsDurations(_ text: String, _ duration: Duration) throws {
    #expect(try DurationText.parse(text) == duration)
  }

  @Test(arguments: [
    "", "30", "s", "-5s", "5 s", "5S", "5sec", "1s1m", "1s1s", "1..5s", "1e3s", "infs", "nans", "0x5s", "5s ", "٥s",
    "9999999d",
  ])
  func refusesDurations(_ text: String) {
    #expect(throws: InvalidValue.self) { try DurationText.parse(text) }
  }

  @Test(arguments: [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "abd", 1), ("kitten", "sitting", 3)])
  func measuresDistance(_ a: String, _ b: String, _ distance: Int) {
    #expect(NearestName.distance(Array(a.utf8), Array(b.utf8)) == distance)
    #expect(NearestName.distance(Array(b.utf8), Array(a.utf8)) == distance)
  }
}

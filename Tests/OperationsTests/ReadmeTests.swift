import Foundation
import Testing

@testable import Operations

@Suite("The README says what the settings are")
struct ReadmeTests {
  @Test("the table between the markers is the manual's")
  func settings() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
    let start = try #require(readme.range(of: "<!-- settings -->\n"))
    let end = try #require(readme.range(of: "\n<!-- /settings -->"))
    #expect(readme[start.upperBound..<end.lowerBound] == SettingsManual.markdown)
  }
}

/// The pieces of a reply. A model separates them with `[SPLIT]` (voice systems survey §3.3).
package enum Pieces {
  package static let separator = "[SPLIT]"

  /// Cut at the separator, trimmed, without empty pieces. What follows the last allowed piece is appended to that
  /// piece, so that nothing a model said is lost.
  package static func split(_ text: String, max: Int = Limits.pieces) -> [String] {
    var pieces = text.split(separator: separator, omittingEmptySubsequences: true)
      .map { MessageText.trimmed(String($0)) }
      .filter { !$0.isEmpty }
    if max > 0, pieces.count > max {
      let tail = pieces[(max - 1)...].joined()
      pieces.replaceSubrange((max - 1)..., with: [tail])
    }
    return pieces
  }
}

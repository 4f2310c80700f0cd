/// The bounds of the interview: number, reason, source.
package enum Limits {
  /// Longest message after trimming, in Unicode scalars (design §7, SendText).
  package static let messageScalars = 4000
  /// Bytes of a message as sent, its white space included: 4,000 scalars of four bytes, and as much again.
  package static let message_bytes = 32 << 10
  /// Pieces of one reply: more would make an old person wait and lose the thread (voice systems survey §3.3).
  package static let pieces = 3
  /// Characters of one piece of a reply of the built-in interviewer: one breath of speech.
  package static let pieceCharacters = 60
  /// Characters of one piece of a re-greeting (voice systems survey §3.3).
  package static let regreetingCharacters = 40
  /// Messages of history in a prompt (design §7).
  package static let promptMessages = 40
  /// Characters of history in a prompt (design §7).
  package static let promptCharacters = 8000
  /// User turns during which a slot that was asked is not asked again (voice systems survey §3.3).
  package static let askAgainAfterTurns = 6
  /// How often a slot is asked at most (voice systems survey §3.3).
  package static let askedCount = 3
  /// User turns before which no sensitive slot is asked: trust comes first (voice systems survey §3.3).
  package static let sensitiveAfterTurns = 20
  /// Characters of evidence that can fill a slot (voice systems survey §3.3).
  package static let evidenceCharacters = 30
  /// Message ids kept as evidence per slot: the newest ones; the memoir keeps all of them.
  package static let evidencePerSlot = 8
  /// Refusals after which a profile question counts as declined (voice systems survey §3.3).
  package static let profileRefusals = 2
  /// Askings of one profile question without an answer that can be read, before it counts as declined.
  package static let profileAskings = 4
  /// Characters of a place or occupation in a profile: longer ones are stories, not names.
  package static let profileCharacters = 24
  /// Chips of one row when the next stages have to fill it up (voice systems survey §3.3).
  package static let chipsMin = 3
  /// Characters of a chip: one line of a phone with large letters.
  package static let chipCharacters = 14
  /// Characters of the last topic in a re-greeting prompt (voice systems survey §3.3).
  package static let topicCharacters = 80
  /// Own agent messages that are searched to avoid saying a phrase twice: about eight turns of up to three pieces.
  package static let phraseMemory = 24
  /// Arrays and objects within each other in a stored state; ours have four.
  static let stateNesting = 16
  /// Questions about one slot in a row, the opening one not counted.
  package static let followUps = 2
}

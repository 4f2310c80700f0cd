/// A text that names one kind of thing; ids of different kinds do not mix.
package struct Identifier<Subject>: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
  package let rawValue: String

  package init(_ rawValue: String) { self.rawValue = rawValue }
  package init(stringLiteral value: String) { self.init(value) }
  package init(from decoder: any Decoder) throws { self.init(try String(from: decoder)) }
  package func encode(to encoder: any Encoder) throws { try rawValue.encode(to: encoder) }
  package var description: String { rawValue }
}

extension Identifier {
  /// Byte for byte, as the store compares: String's own `==` takes canonically equivalent texts for the same, and two
  /// users' conversations would be one.
  package static func == (left: Self, right: Self) -> Bool { left.rawValue.utf8.elementsEqual(right.rawValue.utf8) }

  package func hash(into hasher: inout Hasher) {
    for byte in rawValue.utf8 { hasher.combine(byte) }
    hasher.combine(UInt8.max)
  }
}

package enum UserSubject {}
package enum ConversationSubject {}
package enum TurnSubject {}
package enum MessageSubject {}
package enum RequestSubject {}
package enum ServerSubject {}
package enum VoiceSessionSubject {}

/// The `sub` of an access token; chosen by whoever provisions users.
package typealias UserID = Identifier<UserSubject>
/// Chosen by the client; one global name space.
package typealias ConversationID = Identifier<ConversationSubject>
package typealias TurnID = Identifier<TurnSubject>
package typealias MessageID = Identifier<MessageSubject>
/// A UUID in canonical lower case, made by the client.
package typealias RequestID = Identifier<RequestSubject>
/// One run of one server process: the owner of leases.
package typealias ServerID = Identifier<ServerSubject>
/// Chosen by the client, per conversation; a reused one gets a new generation.
package typealias VoiceSessionID = Identifier<VoiceSessionSubject>

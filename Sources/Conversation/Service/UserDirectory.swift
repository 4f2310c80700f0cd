import Interview

/// Provisioning of users: the only way one comes into being.
package struct UserDirectory: Sendable {
  private let store: any Store
  private let hub: ConversationHub
  private let clock: any WallClock

  package init(store: any Store, hub: ConversationHub, clock: any WallClock) {
    self.store = store
    self.hub = hub
    self.clock = clock
  }

  /// Creates the user or changes the given fields; failures name the field below `user`.
  package func upsert(_ change: UserChange) async throws -> (user: UserRecord, created: Bool) {
    _ = try FieldRules.userID(change.id.rawValue, field: "user.user_id")
    if let nickname = change.nickname {
      try FieldRules.text(nickname, field: "user.nickname", characters: Limits.nicknameCharacters)
    }
    if let year = change.birthYear, !Limits.birthYears.contains(year) {
      throw ConversationError.fieldInvalid(
        field: "user.birth_year",
        description: "must be 0 or \(Limits.birthYears.lowerBound)..\(Limits.birthYears.upperBound)")
    }
    let places = [
      ("user.birth_place", change.birthPlace), ("user.grew_up_place", change.grewUpPlace),
      ("user.occupation", change.occupation),
    ]
    for (field, text) in places {
      if let text { try FieldRules.text(text, field: field, characters: Limits.profileFieldCharacters) }
    }
    if let zone = change.timeZone, !LocalDay.isKnown(timeZone: zone) {
      throw ConversationError.fieldInvalid(field: "user.time_zone", description: "is not an IANA time zone")
    }
    return try await store.upsertUser(change, now: clock.now())
  }

  package func user(_ id: String) async throws -> UserRecord {
    guard let user = try await store.user(try FieldRules.userID(id, field: "user_id")) else {
      throw ConversationError.userUnknown
    }
    return user
  }

  /// Erases everything of the user, and returns when nothing is left; `false`: there was nothing. A caller who does not
  /// wait so long leaves the rest to the maintenance, of this server or another one.
  package func delete(_ id: String) async throws -> Bool {
    let id = try FieldRules.userID(id, field: "user_id")
    let deleted = try await store.deleteUser(id)
    hub.remove(id)
    if deleted { try await store.erase(id) }
    return deleted
  }
}

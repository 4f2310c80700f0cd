package import Conversation
package import ConversationAPI
import Interview
package import RPC

/// `lifeecho.user.v1.UserService`.
package struct UserHandler: UserV1.UserServiceHandler {
  private let users: UserDirectory

  package init(users: UserDirectory) { self.users = users }

  package func upsertUser(
    _ request: UserV1.UpsertUserRequest, context: ServerContext
  ) async throws -> UserV1.UpsertUserResponse {
    guard let user = request.user else {
      throw ErrorStatus.fieldInvalid(field: "user", description: "is required")
    }
    let (record, created) = try await users.upsert(try UserChange(user))
    return UserV1.UpsertUserResponse(user: .init(record), created: created)
  }

  package func getUser(
    _ request: UserV1.GetUserRequest, context: ServerContext
  ) async throws -> UserV1.GetUserResponse {
    do {
      return UserV1.GetUserResponse(user: .init(try await users.user(request.userID)))
    } catch ConversationError.userUnknown {
      throw ErrorStatus.userNotFound
    }
  }

  package func deleteUser(
    _ request: UserV1.DeleteUserRequest, context: ServerContext
  ) async throws -> UserV1.DeleteUserResponse {
    UserV1.DeleteUserResponse(deleted: try await users.delete(request.userID))
  }
}

extension UserChange {
  /// Zero values leave what is stored.
  init(_ user: UserV1.User) throws(Status) {
    self.init(id: UserID(user.userID))
    nickname = user.nickname.isEmpty ? nil : user.nickname
    birthYear = user.birthYear == 0 ? nil : Int(user.birthYear)
    birthPlace = user.birthPlace.isEmpty ? nil : user.birthPlace
    grewUpPlace = user.grewUpPlace.isEmpty ? nil : user.grewUpPlace
    occupation = user.occupation.isEmpty ? nil : user.occupation
    timeZone = user.timeZone.isEmpty ? nil : user.timeZone
    switch user.subscriptionType {
    case .unspecified: break
    case .free: tier = .free
    case .premium: tier = .premium
    default: throw ErrorStatus.fieldInvalid(field: "user.subscription_type", description: "is unknown")
    }
    if !user.declinedFields.isEmpty {
      var fields: Set<ProfileField> = []
      for (index, field) in user.declinedFields.enumerated() {
        guard let field = ProfileField(field) else {
          throw ErrorStatus.fieldInvalid(field: "user.declined_fields[\(index)]", description: "is unknown")
        }
        fields.insert(field)
      }
      declined = fields
    }
  }
}

extension ProfileField {
  init?(_ field: UserV1.ProfileField) {
    switch field {
    case .birthYear: self = .birthYear
    case .birthPlace: self = .birthPlace
    case .grewUpPlace: self = .grewUpPlace
    case .occupation: self = .occupation
    default: return nil
    }
  }

  var wire: UserV1.ProfileField {
    switch self {
    case .birthYear: .birthYear
    case .birthPlace: .birthPlace
    case .grewUpPlace: .grewUpPlace
    case .occupation: .occupation
    case .nickname: .unspecified
    }
  }
}

extension UserV1.User {
  init(_ user: UserRecord) {
    self.init(
      userID: user.id.rawValue, nickname: user.profile.nickname ?? "",
      birthYear: Int32(user.profile.birthYear ?? 0), birthPlace: user.profile.birthPlace ?? "",
      grewUpPlace: user.profile.grewUpPlace ?? "", occupation: user.profile.occupation ?? "",
      declinedFields: ProfileField.asked.filter { user.profile.declined.contains($0) }.map(\.wire),
      subscriptionType: user.tier == .premium ? .premium : .free, timeZone: user.timeZone,
      createTime: .init(user.createTime), updateTime: .init(user.updateTime))
  }
}

/// What is asked about a person before the interview; the raw value is the name on the wire.
package enum ProfileField: String, CaseIterable, Sendable, Codable, Hashable {
  case nickname
  case birthYear = "birth_year"
  case birthPlace = "birth_place"
  case grewUpPlace = "grew_up_place"
  case occupation

  /// The fields the interviewer asks for, in this order (voice systems survey §3.3).
  package static let asked: [ProfileField] = [.birthYear, .birthPlace, .grewUpPlace, .occupation]
}

/// Who the person is. A field that was declined is not asked again and does not count as missing.
package struct Profile: Sendable, Equatable {
  package var nickname: String?
  package var birthYear: Int?
  package var birthPlace: String?
  package var grewUpPlace: String?
  package var occupation: String?
  package var declined: Set<ProfileField>

  package init(
    nickname: String? = nil, birthYear: Int? = nil, birthPlace: String? = nil, grewUpPlace: String? = nil,
    occupation: String? = nil, declined: Set<ProfileField> = []
  ) {
    self.nickname = nickname
    self.birthYear = birthYear
    self.birthPlace = birthPlace
    self.grewUpPlace = grewUpPlace
    self.occupation = occupation
    self.declined = declined
  }

  package func has(_ field: ProfileField) -> Bool {
    switch field {
    case .nickname: Profile.isPresent(nickname)
    case .birthYear: birthYear != nil
    case .birthPlace: Profile.isPresent(birthPlace)
    case .grewUpPlace: Profile.isPresent(grewUpPlace)
    case .occupation: Profile.isPresent(occupation)
    }
  }

  /// What is still to be asked, in order.
  package var missing: [ProfileField] { ProfileField.asked.filter { !has($0) && !declined.contains($0) } }
  package var isComplete: Bool { missing.isEmpty }

  /// The place whose history a hint may speak of: where the person grew up, else where they were born, else none.
  package var eraPlace: String {
    if let grewUpPlace, Profile.isPresent(grewUpPlace) { return grewUpPlace }
    if let birthPlace, Profile.isPresent(birthPlace) { return birthPlace }
    return ""
  }

  package var backgroundVoice: BackgroundVoice { BackgroundVoice(occupation: occupation ?? "") }

  private static func isPresent(_ text: String?) -> Bool {
    guard let text else { return false }
    return !MessageText.isBlank(text)
  }
}

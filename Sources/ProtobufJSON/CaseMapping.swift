/// Between the two spellings of a field's name.
enum CaseMapping {
  static func lowerCamel(_ name: String) -> String {
    var result = ""
    var isUpper = false
    for character in name {
      if character == "_" {
        isUpper = true
      } else {
        result += isUpper ? character.uppercased() : String(character)
        isUpper = false
      }
    }
    return result
  }

  static func snake(_ name: String) -> String {
    var result = ""
    for character in name {
      result += character.isUppercase ? "_" + character.lowercased() : String(character)
    }
    return result
  }
}

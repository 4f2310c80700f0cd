/// Flags over environment over file: the values that were given, each with where it came from. Own code, since the
/// library for this (swift-configuration) looks names up and cannot list what was given, and a name nobody knows
/// must be refused with the name that was meant.
package struct ConfigurationSources: Sendable {
  private enum Origin: Sendable {
    case flag
    case environment
    case file(path: String)
  }

  /// The variable that names the file; it is no setting.
  package static let fileVariable = "LIFEECHO_CONFIG"

  private let layers: [(origin: Origin, values: [String: String])]

  /// - Parameters:
  ///   - flags: values by setting name (`grpc.address`), from flags and `--set`.
  ///   - environment: all of it; only names that begin with `LIFEECHO_` are looked at. An empty value counts as unset.
  ///   - file: `--config`, else `LIFEECHO_CONFIG`, else nothing is read.
  package init(
    flags: [String: String], environment: [String: String], file: String?
  ) throws(ConfigurationError) {
    for name in flags.keys.sorted() where !Self.isKnown(name) {
      throw Self.unknown("setting", name, among: Settings.all.map(\.name))
    }
    var layers: [(Origin, [String: String])] = [
      (.flag, flags), (.environment, try Self.environmentValues(environment)),
    ]
    let variable = environment[Self.fileVariable].flatMap { $0.isEmpty ? nil : $0 }
    if let path = file ?? variable {
      let file = try ConfigurationFile(path: path)
      for name in file.values.keys.sorted() where !Self.isKnown(name) {
        throw Self.unknown("configuration file \(path): key", name, among: Settings.all.map(\.name))
      }
      layers.append((.file(path: path), file.values))
    }
    self.layers = layers
  }

  /// `NAME=VALUE` of `--set`.
  package static func assignment(_ text: String) throws(ConfigurationError) -> (name: String, value: String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ConfigurationError("--set \(text): it is not NAME=VALUE")
    }
    return (String(text[..<equals]), String(text[text.index(after: equals)...]))
  }

  /// The value of the first source that has one, else the default, else nil.
  func optionalValue<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value? {
    let description = setting.description
    for layer in layers {
      guard let text = layer.values[description.name] else { continue }
      do {
        return try setting.parse(text)
      } catch {
        throw ConfigurationError("\(Self.name(of: description, in: layer.origin)): \(error.problem)")
      }
    }
    guard let text = description.defaultText else { return nil }
    do {
      return try setting.parse(text)
    } catch {
      throw ConfigurationError("default of \(description.name): \(error.problem)")
    }
  }

  func value<Value>(_ setting: Setting<Value>) throws(ConfigurationError) -> Value {
    guard let value = try optionalValue(setting) else {
      throw ConfigurationError("\(setting.description.name) is not set, and has no default")
    }
    return value
  }

  private static func isKnown(_ name: String) -> Bool {
    Settings.all.contains { $0.name == name }
  }

  private static func environmentValues(
    _ environment: [String: String]
  ) throws(ConfigurationError) -> [String: String] {
    var values: [String: String] = [:]
    for (variable, value) in environment.sorted(by: { $0.key < $1.key })
    where variable.hasPrefix("LIFEECHO_") && variable != fileVariable {
      guard let setting = Settings.all.first(where: { $0.environmentName == variable }) else {
        let known = Settings.all.map(\.environmentName) + [fileVariable]
        throw unknown("environment variable", variable, among: known, hint: kubernetesHint(variable))
      }
      if !value.isEmpty { values[setting.name] = value }
    }
    return values
  }

  /// Kubernetes puts LIFEECHO_SERVICE_HOST, LIFEECHO_PORT and others into every pod beside a Service named lifeecho.
  private static func kubernetesHint(_ variable: String) -> String? {
    let names = ["LIFEECHO_SERVICE_", "LIFEECHO_PORT"]
    guard names.contains(where: { variable.hasPrefix($0) }) else { return nil }
    return "if Kubernetes set it, set enableServiceLinks: false in the pod"
  }

  private static func unknown(
    _ what: String, _ name: String, among known: [String], hint: String? = nil
  ) -> ConfigurationError {
    let nearest = NearestName.suggestion(for: name, among: known).map { "did you mean \($0)?" }
    return ConfigurationError(
      "\(what) \(name) is unknown; \(hint ?? nearest ?? "lifeecho serve --help lists the settings")")
  }

  private static func name(of setting: SettingDescription, in origin: Origin) -> String {
    switch origin {
    case .flag: setting.flag ?? "--set \(setting.name)"
    case .environment: setting.environmentName
    case .file(let path): "configuration file \(path): \(setting.name)"
    }
  }
}

/// The table of settings, as `lifeecho serve --help` and the README print it.
package enum SettingsManual {
  package static let introduction = """
    Settings come from flags, then the environment, then the configuration file (JSON; --config FILE or \
    \(ConfigurationSources.fileVariable)). Any setting can be given as --set NAME=VALUE. Unknown names are errors. \
    Durations: 500ms, 30s, 1h30m.
    """

  /// For a terminal of 100 columns or so.
  package static var text: String {
    Settings.all.map { setting in
      let names = [setting.name, setting.environmentName, setting.flag].compactMap(\.self).joined(separator: "  ")
      return "  \(names)  \(setting.placeholder)\n      \(setting.meaning) (default: \(defaultText(setting)))"
    }.joined(separator: "\n")
  }

  /// A Markdown table for the README; a test keeps the two equal.
  package static var markdown: String {
    let rows = Settings.all.map { setting in
      let flag = setting.flag.map { " `\($0)`" } ?? ""
      let meaning = setting.meaning.split(separator: "|").joined(separator: "\\|")
      return "| `\(setting.name)`\(flag) | `\(setting.environmentName)` | \(defaultText(setting)) | \(meaning) |"
    }
    return (["| setting, flag | environment | default | meaning |", "|---|---|---|---|"] + rows).joined(separator: "\n")
  }

  private static func defaultText(_ setting: SettingDescription) -> String {
    guard let text = setting.defaultText, !text.isEmpty else { return "none" }
    return text
  }
}

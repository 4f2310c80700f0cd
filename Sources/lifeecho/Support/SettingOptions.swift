import ArgumentParser
import Foundation
import Operations

/// The settings that several commands share: flags over environment over file (design §9).
struct SettingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("PostgreSQL; unset: a private cluster in the data directory.", valueName: "url"))
  var databaseURL: String?

  @Option(help: ArgumentHelp("Where the private cluster and the generated secret live.", valueName: "directory"))
  var dataDir: String?

  @Option(help: ArgumentHelp("HS256 secret for tokens; unset: generated in the data directory.", valueName: "file"))
  var jwtSecretFile: String?

  @Option(help: ArgumentHelp("JSON file with settings.", valueName: "file"))
  var config: String?

  @Option(name: .customLong("set"), help: ArgumentHelp("Any other setting; may be repeated.", valueName: "name=value"))
  var assignments: [String] = []

  func configuration(_ more: [String: String] = [:]) throws -> ServiceConfiguration {
    var flags = more
    if let databaseURL { flags["database.url"] = databaseURL }
    if let dataDir { flags["data.directory"] = dataDir }
    if let jwtSecretFile { flags["jwt.secret_file"] = jwtSecretFile }
    for assignment in assignments {
      let (name, value) = try ConfigurationSources.assignment(assignment)
      flags[name] = value
    }
    return try ServiceConfiguration(
      ConfigurationSources(flags: flags, environment: ProcessInfo.processInfo.environment, file: config))
  }
}

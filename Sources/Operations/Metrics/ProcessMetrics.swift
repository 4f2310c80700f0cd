import Foundation

/// The process metrics every Prometheus client exposes, read from /proc at each scrape.
package enum ProcessMetrics {
  package static func register(in registry: PrometheusRegistry) {
    registry.sample("process.cpu.seconds", as: .counter, help: "User and system CPU time, in seconds") {
      var usage = rusage()
      getrusage(RUSAGE_SELF.rawValue, &usage)
      return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
    let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
    registry.sample("process.resident.memory.bytes", help: "Resident memory, in bytes") {
      Double(statm(field: 1)) * pageSize
    }
    registry.sample("process.virtual.memory.bytes", help: "Virtual memory, in bytes") {
      Double(statm(field: 0)) * pageSize
    }
    registry.sample("process.open.fds", help: "Open file descriptors") {
      Double((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0)
    }
    registry.sample("process.max.fds", help: "Most file descriptors allowed") {
      var limit = rlimit()
      getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
      return Double(limit.rlim_cur)
    }
    let start = Date().timeIntervalSince1970
    registry.sample("process.start.time.seconds", help: "Start of the process, in seconds since 1970") { start }
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }

  private static func statm(field: Int) -> Int {
    guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
    let fields = text.split(separator: " ")
    return field < fields.count ? Int(fields[field]) ?? 0 : 0
  }
}

import Files

/// Everything that `/metrics` tells, as of one moment.
///
/// What could not be found out in time is `nil`, and is left out of the page: nothing is told that is not known.
struct MetricsSnapshot: Sendable {
    struct Provider: Sendable {
        var name: String
        /// Paid requests that have been sent, and their most.
        var inFlight: Int
        var concurrency: Int
        /// Paid requests that wait for their turn, and their most.
        var waiting: Int
        var queue: Int
        /// How long nothing is sent.
        var pause = Duration.zero
        var breaker = Breaker.Phase.closed
    }

    /// Bytes; without a limit there is no bound.
    struct Room: Sendable {
        var used: Int?
        var limit: Int?
    }

    var version: String
    /// Of the file as it was last read.
    var configurationMistakes = 0
    var counts: Counts
    /// Jobs under way.
    var jobs: [JobState: Int]
    var jobLimit: Int
    /// In the order in which they are told.
    var providers: [Provider]
    /// Bodies of requests that are being read or worked on.
    var bodies: Room
    /// Writes that wait for the ledger's next commit.
    var waitingWrites: Int
    var commits: (count: Int, time: Duration)
    /// Images that are stored.
    var images: Room
    var freeDisk: Int?
    /// Below which nothing is bought.
    var minFreeDisk: Int
    var process: ProcessUsage?
}

extension MetricsSnapshot {
    /// The page that Prometheus reads; `docs/operations.md` says what each part is for.
    var page: Exposition {
        var page = Exposition()
        page.begin("easel_build_info", .gauge, "Which Easel this is; always 1.")
        page.add(1, ["version": version])
        page.begin(
            "easel_configuration_mistakes", .gauge,
            "Mistakes in the configuration file when it was last read; with any, the one before still counts.")
        page.add(configurationMistakes)
        addRequests(to: &page)
        addJobs(to: &page)
        addAttempts(to: &page)
        addImages(to: &page)
        addTraffic(to: &page)
        addLedger(to: &page)
        addRoom(to: &page)
        addProcess(to: &page)
        return page
    }

    private func addRequests(to page: inout Exposition) {
        page.begin("easel_requests_total", .counter, "Requests answered, by operation and HTTP status.")
        for kind in RequestKind.allCases {
            let statuses = counts.requests.keys.filter { $0.kind == kind }.map(\.status)
            for status in Set(kind.expectedStatuses + statuses).sorted() {
                let answer = Counts.Answer(kind: kind, status: status)
                page.add(counts.requests[answer] ?? 0, ["operation": kind.rawValue, "status": "\(status)"])
            }
        }
        page.begin(
            "easel_refusals_total", .counter,
            "Orders without a mistake that were turned away and bought nothing, by the code the client was told.")
        for refusal in RefusalReason.allCases { page.add(counts.refusals[refusal] ?? 0, ["code": refusal.rawValue]) }
    }

    private func addJobs(to page: inout Exposition) {
        page.begin("easel_jobs", .gauge, "Jobs under way, by state.")
        for state in JobState.allCases where !state.isFinished { page.add(jobs[state] ?? 0, ["state": state.rawValue]) }
        page.begin("easel_jobs_limit", .gauge, "Jobs that may be under way at once (limits.jobs).")
        page.add(jobLimit)
        let models = counts.models.sorted { $0.key < $1.key }
        page.begin("easel_jobs_ended_total", .counter, "Jobs that have ended, by the state they ended in.")
        for (name, model) in models {
            for state in JobState.allCases where state.isFinished {
                page.add(model.jobs[state] ?? 0, ["model": name, "state": state.rawValue])
            }
        }
        page.begin(
            "easel_job_duration_seconds", .histogram,
            "Time from a job's acceptance until its images were stored, of jobs that made some.")
        for (name, model) in models { page.add(model.duration, ["model": name]) }
    }

    private func addAttempts(to page: inout Exposition) {
        let providers = counts.providers.sorted { $0.key < $1.key }
        page.begin(
            "easel_attempts_total", .counter,
            "Attempts that have ended: done (bought), refused (provably bought nothing) or unknown.")
        for (name, provider) in providers {
            for state in AttemptRecord.State.ends {
                page.add(provider.attempts[state] ?? 0, ["provider": name, "state": state.rawValue])
            }
        }
        page.begin("easel_attempt_failures_total", .counter, "Attempts that were refused or are unknown, by why.")
        for (name, provider) in providers {
            for kind in FailureKind.allCases {
                page.add(provider.failures[kind] ?? 0, ["provider": name, "kind": kind.rawValue])
            }
        }
        page.begin(
            "easel_provider_answer_seconds", .histogram,
            "Time from an attempt's being written down until its provider had answered, of attempts that bought something."
        )
        for (name, provider) in providers { page.add(provider.answer, ["provider": name]) }
    }

    private func addImages(to page: inout Exposition) {
        let routes = counts.routes.sorted { $0.key < $1.key }
        page.begin("easel_images_total", .counter, "Images stored.")
        for (route, its) in routes { page.add(its.images, route.labels) }
        page.begin("easel_image_bytes_total", .counter, "Bytes of the images stored.")
        for (route, its) in routes { page.add(its.imageLength, route.labels) }
        page.begin("easel_images_lost_total", .counter, "Images that were bought and could not be kept.")
        for (name, provider) in counts.providers.sorted(by: { $0.key < $1.key }) {
            page.add(provider.lostImages, ["provider": name])
        }
        page.begin("easel_cost_total", .counter, "What ended jobs have cost, as far as that is known.")
        for (route, its) in routes {
            for (currency, cost) in its.cost.sorted(by: { $0.key < $1.key }) {
                page.add(
                    Double(cost.microunits) / 1_000_000,
                    ["model": route.model, "provider": route.provider, "currency": currency])
            }
        }
        page.begin("easel_jobs_of_unknown_cost_total", .counter, "Ended jobs of which nobody knows what they cost.")
        for (route, its) in routes { page.add(its.unknownCosts, route.labels) }
    }

    private func addTraffic(to page: inout Exposition) {
        let gauges: [(name: String, help: String, value: (Provider) -> Int)] = [
            ("in_flight", "Paid requests that have been sent and are not answered.", \.inFlight),
            ("in_flight_limit", "Paid requests that may be sent at once (concurrency).", \.concurrency),
            ("waiting", "Paid requests that wait for their turn.", \.waiting),
            ("waiting_limit", "Paid requests that may wait for their turn (queue).", \.queue),
        ]
        for gauge in gauges {
            page.begin("easel_provider_\(gauge.name)", .gauge, gauge.help)
            for provider in providers { page.add(gauge.value(provider), ["provider": provider.name]) }
        }
        page.begin(
            "easel_provider_pause_seconds", .gauge,
            "How long nothing will be sent to a provider that failed or asked for a pause; 0 when it may be.")
        for provider in providers { page.add(provider.pause.seconds, ["provider": provider.name]) }
        page.begin(
            "easel_provider_breaker", .gauge,
            "1 for the state that a provider's breaker is in: closed, paused (as it asked for), open or probing.")
        for provider in providers {
            for phase in Breaker.Phase.allCases {
                page.add(phase == provider.breaker ? 1 : 0, ["provider": provider.name, "state": phase.rawValue])
            }
        }
    }

    private func addLedger(to page: inout Exposition) {
        page.begin("easel_ledger_waiting_writes", .gauge, "Writes that wait for the ledger's next commit.")
        page.add(waitingWrites)
        page.begin(
            "easel_ledger_commit_seconds", .summary,
            "Commits to the ledger, each from its beginning until the disk has it.")
        page.add(sum: commits.time.seconds, count: commits.count)
    }

    private func addRoom(to page: inout Exposition) {
        page.add(bodies.used, "easel_bodies_bytes", "Bytes of request bodies that are being read or worked on.")
        page.add(bodies.limit, "easel_bodies_limit_bytes", "The most of these bytes (limits.in_flight).")
        page.add(images.used, "easel_stored_bytes", "Bytes of all images that are kept.")
        page.add(images.limit, "easel_stored_limit_bytes", "Bytes over which the oldest images go (results.max_disk).")
        page.add(freeDisk, "easel_disk_free_bytes", "Bytes that are free on the disk of the data folder.")
        page.add(
            minFreeDisk, "easel_disk_min_free_bytes", "Free bytes below which nothing is bought (results.min_free).")
    }

    private func addProcess(to page: inout Exposition) {
        guard let process else { return }
        page.begin("process_cpu_seconds_total", .counter, "Processor time used.")
        page.add(process.processorTime.seconds)
        page.add(process.residentMemory, "process_resident_memory_bytes", "Memory in use.")
        page.add(process.openFiles, "process_open_fds", "File descriptors that are open.")
        page.add(process.openFileLimit, "process_max_fds", "File descriptors that may be open.")
        page.begin("process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.")
        page.add(process.start.seconds)
    }
}

extension Exposition {
    /// Adds a gauge that is known.
    fileprivate mutating func add(_ value: Int?, _ name: String, _ help: String) {
        guard let value else { return }
        begin(name, .gauge, help)
        add(value)
    }
}

extension Counts.Route {
    fileprivate var labels: Exposition.Labels { ["model": model, "provider": provider] }
}

import JSON

/// Keys with their limits and what they have spent, for people and for programs.
struct KeyReport {
    let ledger: Ledger
    let currency: String
    let now: Timestamp

    /// Every key, oldest first.
    func list(isJSON: Bool) async throws -> String {
        var accounts: [(key: KeyRecord, spending: [Budget.Period: Spending])] = []
        for key in try await ledger.keys() {
            accounts.append((key, try await ledger.spending(of: key.id, at: now)))
        }
        guard !isJSON else { return JSONValue.array(accounts.map { json($0, $1) }).text }
        guard !accounts.isEmpty else { return "There are no keys. Make one: easel keys create --name NAME" }
        return Table(
            head: ["ID", "NAME", "KEY", "MODELS", "SPENT \(currency)", "LIMITS", "CREATED", "STATE"],
            rows: accounts.map { key, spending in
                [
                    key.id, key.name, key.prefix + "…", key.models?.joined(separator: ",") ?? "every model",
                    "\((spending[.total] ?? Spending()).spent)", "\(key.limits)", "\(Day(of: key.createdAt))",
                    state(of: key),
                ]
            }, rightAligned: [4]
        ).text
    }

    /// One key, in full.
    func show(_ key: KeyRecord, isJSON: Bool) async throws -> String {
        let spending = try await ledger.spending(of: key.id, at: now)
        guard !isJSON else { return json(key, spending).text }
        let limits = key.limits
        var lines = [
            "\(key.id)  \(state(of: key))", "",
            line("name", key.name + (key.isDeclared ? ", declared in the configuration" : "")),
            line("key", key.prefix + "…"),
            line("models", key.models?.joined(separator: ", ") ?? "every model"),
            line("created", "\(key.createdAt)"),
            line("expires", limits.expiresAt.map { "\($0)" } ?? "never"),
            line("requests", limits.requestsPerMinute.map { "\($0) a minute" } ?? "any number"),
            line("images", limits.imagesPerMinute.map { "\($0) a minute" } ?? "any number"),
            line("jobs", limits.concurrency.map { "\($0) at once" } ?? "any number"),
            line("unknown prices", limits.allowsUnknownPrices ? "allowed" : "refused"), "",
        ]
        for period in Budget.Period.allCases {
            let spending = spending[period] ?? Spending()
            let of = limits.budget[period].map { " of \($0)" } ?? ""
            let name = period == .total ? "spent in all" : "spent this \(period.rawValue)"
            let isReserved = spending.reserved.microunits != 0
            let reserved = isReserved ? ", and \(spending.reserved) reserved by running jobs" : ""
            lines.append(line(name, "\(spending.spent)\(of) \(currency)\(reserved)"))
        }
        return lines.joined(separator: "\n")
    }

    private func json(_ key: KeyRecord, _ spending: [Budget.Period: Spending]) -> JSONValue {
        var object = key.jsonObject
        var (spent, reserved) = (JSONObject(), JSONObject())
        for period in Budget.Period.allCases {
            spent[period.rawValue] = (spending[period] ?? Spending()).spent.json
            reserved[period.rawValue] = (spending[period] ?? Spending()).reserved.json
        }
        object["spent"] = .object(spent)
        object["reserved"] = .object(reserved)
        return .object(object)
    }

    private func state(of key: KeyRecord) -> String {
        if let revoked = key.revokedAt { return "revoked \(Day(of: revoked))" }
        if let end = key.limits.expiresAt { return "\(end > now ? "expires" : "expired") \(Day(of: end))" }
        return "active"
    }

    private func line(_ name: String, _ value: String) -> String {
        "  \(name)\(String(repeating: " ", count: max(1, 18 - name.count)))\(value)"
    }
}

extension KeyRecord {
    /// The record of a key that has just been made, with the key itself.
    func json(with key: Secret) -> JSONValue {
        var object = jsonObject
        object["key"] = .string(key.reveal())
        return .object(object)
    }

    fileprivate var jsonObject: JSONObject {
        var budget = JSONObject()
        for (period, amount) in limits.budget.lines { budget[period.rawValue] = amount.json }
        func number(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
        func seconds(_ moment: Timestamp?) -> JSONValue { moment.map { .integer($0.seconds) } ?? .null }
        return [
            "id": .string(id), "name": .string(name), "prefix": .string(prefix),
            "models": models.map { .array($0.map(JSONValue.string)) } ?? .null, "declared": .bool(isDeclared),
            "created": seconds(createdAt), "expires": seconds(limits.expiresAt), "revoked": seconds(revokedAt),
            "budget": .object(budget), "rpm": number(limits.requestsPerMinute),
            "images_per_minute": number(limits.imagesPerMinute), "concurrency": number(limits.concurrency),
            "unknown_prices": .bool(limits.allowsUnknownPrices),
        ]
    }
}

extension Money {
    /// The amount as a number with its decimals, exact up to a thousand million.
    var json: JSONValue { .double(Double(microunits) / 1_000_000) }
}

import Crypto
import LibEvent

@testable import Easel

/// One history: providers, clients and a gateway that crashes, all of whose chances come from a seed.
///
/// The gateway's engine is the real one; what it touches of the world is fake. Everything runs on the loop, one step at
/// a time: once no task can go on, time moves to whatever happens next.
@EventLoop
final class World {
    enum Disk: Sendable {
        case ledger, shelf
    }

    let seed: UInt64
    let tools: SimulationTools
    let dice: Dice
    let scheduler: Scheduler
    let faults: Faults
    private(set) var configuration: Configuration
    /// What all orders together may cost; `nil` is no bound.
    let budget: Money?

    // What survives crashes.
    var rows = MemoryRows()
    /// The images on disk.
    var shelf: [Digest: Stored] = [:]
    /// The small images that were here for the ledger, and since when.
    var taken: [Digest: Stored] = [:]
    private(set) var sales: [Sale] = []
    /// By their links.
    private(set) var pictures: [String: Picture] = [:]
    private var names: [Digest: String] = [:]
    /// Images that were made more than once.
    private(set) var twins: Set<Digest> = []
    private var pictureCount = 0
    private var providers: [Language: SimulatedProvider] = [:]
    private var fullDisks: [(disk: Disk, time: Range<Timestamp>)] = []

    /// A request that a client has sent.
    struct Request {
        var wish: String
        var manner: Client.Manner
    }

    /// By their ids, which some jobs have, too.
    private(set) var requests: [String: Request] = [:]
    /// Jobs of which nobody but their provider can know whether they were charged.
    var doubts: Set<String> = []
    /// What clients were told of each job in the end.
    var told: [String: Answered] = [:]
    /// Providers that the owner has taken out of the configuration.
    private(set) var removed: Set<String> = []
    private(set) var hasRemoved = false

    /// The life of clients and providers.
    let outside = Life(0)
    private(set) var engine: Engine?
    /// Those of earlier lives, which should be gone by now.
    private var ghosts: [Ghost] = []
    private(set) var lifeCount = 0
    private var stepsToCrash: Int?
    private var crashesLeft: Int
    private var isStopping = false

    /// What is wrong, and the story up to then.
    private(set) var violation: (invariant: String, what: String)?
    private(set) var story: [String] = []
    private let isTracing: Bool
    private(set) var stepCount = 0
    private(set) var crashCount = 0

    /// When an image was stored for the first time, and in which life.
    struct Stored {
        var life: Life
        var at: Timestamp
    }

    /// How long a write may take that is to follow at once.
    static let noticePeriod = Duration.seconds(10)
    /// Polls of a task that are lost one after the other.
    static let lostPollsInRow = 3
    /// How long a task may take as far as the gateway is concerned.
    static let jobTimeout = Duration.seconds(600)
    /// Steps after which a history is taken to go on for ever.
    static let stepLimit = 100_000

    init(seed: UInt64, tools: SimulationTools, isTracing: Bool = false) {
        self.seed = seed
        self.tools = tools
        self.isTracing = isTracing
        dice = Dice(seed: seed)
        scheduler = Scheduler(dice)
        faults = Faults(dice)
        configuration = tools.configuration
        crashesLeft = faults.crashes
        budget = dice.pick([nil, nil, 30_000, 100_000, 300_000] as [Int64?]).map { Money(microunits: $0) }
        rows.budgets[Client.keyID] = Budget()
        rows.budgets[Client.keyID]?[.total] = budget
        for name in configuration.providers.keys.sorted() {
            configuration.providers[name]?.jobTimeout = Self.jobTimeout
            configuration.providers[name]?.traffic = TrafficLimits(
                concurrency: dice.pick([1, 2, 64]), rate: dice.pick([nil, nil, Rate(2, per: .second)]),
                queue: dice.pick([1, 1000]), queueWait: dice.pick([.seconds(2), .seconds(120)]),
                breaker: dice.pick([nil, Breaker.Settings(failures: 2, pause: .seconds(10)), Breaker.Settings()]))
        }
        configuration.models = ["otter", "stoat"].map { name in
            let languages = dice.some(dice.number(1...3), of: Language.allCases)
            let isPriced = dice.chance(0.8)
            return Configuration.Model(
                name: name,
                routes: languages.map {
                    let price = Price(image: Money(microunits: dice.pick([25_000, 25_000, 40_000])))
                    return Configuration.Route(
                        provider: $0.rawValue, model: $0.model, price: isPriced ? price : nil,
                        weight: dice.pick([nil, 1, 3]))
                })
        }
        for _ in 0..<faults.fullDisks {
            let start = now + dice.duration(.zero...(.seconds(120)))
            let end = start + dice.duration(.milliseconds(100)...(.seconds(600)))
            fullDisks.append((dice.pick([.ledger, .shelf]), start..<end))
        }
    }

    var now: Timestamp { scheduler.time.now }

    func latency(upTo longest: Duration) -> Duration {
        dice.duration(.zero...longest) * faults.slowness
    }

    func isFull(_ disk: Disk) -> Bool { fullDisks.contains { $0.disk == disk && $0.time.contains(now) } }
    /// What a gateway is told when it asks how much room there is.
    func freeSpace(in life: Life) async throws -> Int {
        try await scheduler.pass(latency(upTo: .milliseconds(5)), in: life)
        return fullDisks.contains { $0.time.contains(now) } ? 0 : 1
    }

    var hasFullDisks: Bool { !fullDisks.isEmpty }

    // MARK: The story

    func trace(_ line: @autoclosure () -> String) {
        guard isTracing else { return }
        let time = (now - ManualClock().now).milliseconds
        story.append("\(time / 1000).\(String(time % 1000 + 1000).dropFirst()) \(line())")
    }

    func violate(_ invariant: String, _ what: String) {
        trace("VIOLATION: \(invariant): \(what)")
        violation = violation ?? (invariant, what)
    }

    func name(of digest: Digest) -> String { names[digest] ?? "an unknown image" }

    // MARK: From beginning to end

    /// Lives through the history.
    func run() async {
        boot()
        for number in 1...dice.number(1...5) {
            let client = Client(number, in: self)
            EventLoop.spawn { await client.run() }
        }
        await EventLoop.idle()
        while violation == nil, scheduler.step(before: { maybeCrash($0) }, after: { maybeCrash($0) }) {
            stepCount += 1
            if stepCount > Self.stepLimit { violate("the world does not come to rest", "after \(stepCount) steps") }
            await EventLoop.idle()
        }
        if violation == nil { checkEnd() }
        await endAll()
    }

    /// Starts the gateway over what earlier lives have left behind.
    private func boot() {
        lifeCount += 1
        let life = Life(lifeCount)
        removeProvider()
        let left = rows.unfinished
        trace("START \(lifeCount) with \(left.map(\.job.id))")
        var configuration = configuration
        for name in removed { configuration.providers[name] = nil }
        let connections = configuration.providers.mapValues { FakeConnection($0, to: provider($0.name), self, life) }
        let engine = Engine(configuration, connections, self, life)
        self.engine = engine
        if crashesLeft > 0 { stepsToCrash = dice.number(1...dice.pick([10, 40, 200])) }
        engine.reception.resume(left)
    }

    private func provider(_ name: String) -> SimulatedProvider {
        let language = Language(rawValue: name) ?? .plain
        let provider = providers[language] ?? SimulatedProvider(language, in: self)
        providers[language] = provider
        return provider
    }

    private func removeProvider() {
        removed = []
        guard lifeCount > 1, dice.chance(faults.removedProvider) else { return }
        let inUse = rows.unfinished.compactMap { $0.attempts.last?.provider }
        guard !inUse.isEmpty else { return }
        let name = dice.pick(inUse)
        removed = [name]
        for job in rows.unfinished where job.attempts.last?.provider == name {
            doubts.insert(job.job.id)
            for sale in sales where sale.jobID == job.job.id {
                for picture in sale.pictures { picture.forgive("its provider was removed") }
            }
        }
    }

    private func maybeCrash(_ life: Life) {
        guard let engine, engine.life === life, let left = stepsToCrash else { return }
        stepsToCrash = left - 1
        guard left <= 0 else { return }
        stepsToCrash = nil
        if dice.chance(faults.gracefulStop), !isStopping { stop(engine) } else { crash(engine) }
    }

    /// Stops the gateway as the service does: it finishes what it can in time, and leaves the rest to the next start.
    private func stop(_ engine: Engine) {
        trace("STOP")
        isStopping = true
        let (patience, settling) = (dice.duration(.zero...(.seconds(60))), dice.duration(.zero...(.seconds(5))))
        EventLoop.spawn {
            await engine.jobs.drain()
            guard !engine.life.isOver else { return }
            self.trace("drained")
            if engine.jobs.count > 0 { self.violate("a stop waits for every job", "\(engine.jobs.count) are left") }
            self.crash(engine)
        }
        EventLoop.spawn {
            try await self.scheduler.pass(patience, in: engine.life)
            self.trace("HOLD")
            engine.jobs.hold()
            try await self.scheduler.pass(settling, in: engine.life)
            self.trace("PARK")
            engine.jobs.park()
            try await self.scheduler.pass(.milliseconds(100), in: engine.life)
            self.crash(engine)
        }
    }

    private func crash(_ engine: Engine) {
        trace("CRASH")
        crashCount += 1
        isStopping = false
        crashesLeft -= 1
        ghosts.append(Ghost(engine))
        engine.life.end()
        // Those who wait for their turn at a provider wait for one another, and for no event that could be cut.
        engine.jobs.hold()
        self.engine = nil
        settleDebts()
        scheduler.cut(engine.life)
        let downtime = dice.duration(.milliseconds(100)...dice.pick([.seconds(5), .seconds(600), .seconds(7200)]))
        EventLoop.spawn {
            try await self.scheduler.pass(downtime, in: self.outside)
            self.checkGhosts()
            self.boot()
        }
    }

    func checkGhosts() {
        for ghost in ghosts where !ghost.isGone {
            violate("a task of a crashed process does not end", "life \(ghost.life.number)")
        }
        ghosts = []
    }

    /// Lets go of everything, also when it ended badly.
    private func endAll() async {
        engine?.life.end()
        engine?.jobs.hold()
        outside.end()
        if let engine { scheduler.cut(engine.life) }
        scheduler.cut(outside)
        engine = nil
        await EventLoop.idle()
        providers = [:]
    }

    // MARK: What providers make

    func newSale(of jobID: String, at language: Language, in life: Life, count: Int) -> Sale {
        let sale = Sale(sales.count + 1, of: jobID, at: language, in: life, count: count)
        sale.orderedAt = now
        checkOrder(sale)
        sales.append(sale)
        return sale
    }

    func newTask(of sale: Sale) -> String { "task-\(sale.number)-end" }

    func sale(ofTaskIn url: String) -> Sale? {
        guard let start = url.firstRange(of: "task-")?.upperBound, let number = Int(url[start...].prefix { $0 != "-" }),
            sales.indices.contains(number - 1)
        else { return nil }
        return sales[number - 1]
    }

    func newPicture(at language: Language, hasLink: Bool) -> Picture {
        pictureCount += 1
        // Now and then a provider makes the same image twice.
        let isSame = pictureCount > 1 && dice.chance(0.03)
        let file = tools.picture(isSame ? pictureCount - 1 : pictureCount)
        let name = "picture-\(pictureCount).png"
        names[file.digest] = names[file.digest] ?? name
        if isSame { twins.insert(file.digest) }
        let expires = configuration.providers[language.rawValue]?.dialect.expires ?? Results.defaultExpiry
        let picture = Picture(
            name, file, url: hasLink ? "https://files.test/\(name)" : nil, expires: expires, scheduler)
        if let url = picture.url { pictures[url] = picture }
        if dice.chance(faults.deadLink) { picture.deadStatus = dice.pick([403, 404, 410]) }
        if dice.chance(faults.lateLink) { picture.comesLate = dice.duration(.seconds(1)...(.seconds(200))) }
        if dice.chance(faults.brokenDownload) { picture.brokenDownloads = dice.number(1...dice.pick([3, 100])) }
        if dice.chance(faults.noImage) { picture.downloadsWithoutImage = dice.number(1...4) }
        return picture
    }

    /// The end of a task has been heard of.
    func isHeard(_ sale: Sale, _ state: Language.State) {
        if state != .gone { sale.task?.isHeard = true }
        if state == .finished {
            for picture in sale.pictures { picture.isHeard() }
        } else {
            doubts.insert(sale.jobID)
        }
    }

    // MARK: What clients want

    /// The prompt of a client's requests, by which providers know what they are for.
    nonisolated static func wish(_ number: Int) -> String { "wish_" + String(number + 1_000_000).dropFirst() }

    /// Notes a request that is going to be sent, and gives it an id.
    func newRequest(_ wish: String, _ manner: Client.Manner) -> String {
        let id = "req_" + String(requests.count + 1_000_001).dropFirst()
        requests[id] = Request(wish: wish, manner: manner)
        return id
    }

    /// The job under way that an order is for; there is to be no more than one for each wish.
    func jobID(ofOrder body: [UInt8]) -> String? {
        guard let range = body.firstRange(of: Array("wish_".utf8)) else { return nil }
        let wish = String(decoding: body[range.lowerBound...].prefix(11), as: UTF8.self)
        let jobs = rows.unfinished.map(\.job.id).filter { requests[$0]?.wish == wish }
        if jobs.count > 1 { violate("a wish has one job at a time", "\(jobs)") }
        return jobs.last ?? requests.filter { $0.value.wish == wish }.keys.max()
    }
}

import HTTP
import JSON
import LibEvent

@testable import Easel

/// A provider as it really is: what it makes, charges and says, whatever of that arrives.
@EventLoop
final class SimulatedProvider {
    /// What it says, and what its arrival changes.
    struct Reply {
        var answer: Answer
        var files: [SpooledFile] = []
        /// How long it takes to say so.
        var work: Duration = .zero
        var isHeard: () -> Void = {}
    }

    let language: Language
    private let world: World
    private var dice: Dice { world.dice }
    private var faults: Faults { world.faults }

    init(_ language: Language, in world: World) {
        self.language = language
        self.world = world
    }

    // MARK: Orders

    /// Takes an order that has arrived, for better or worse.
    func take(_ request: UpstreamRequest, in life: Life) -> Reply {
        guard case .bytes(let bytes)? = request.body.first, let body = try? JSONValue(parsing: bytes),
            let jobID = world.jobID(ofOrder: bytes)
        else {
            world.violate("an order makes no sense", "\(request)")
            return Reply(answer: answer(400, ["error": "what?"]))
        }
        let sale = world.newSale(of: jobID, at: language, in: life, count: language.count(in: body))
        var reply = fulfil(sale)
        reply.work = world.latency(upTo: .seconds(2))
        if dice.chance(faults.taskIsLate / 4) { reply.work = .seconds(70) }
        world.trace(
            "\(language): order \(sale.number) of \(jobID) for \(sale.count): \(reply.answer.status) \(sale.task?.id ?? "")\(sale.isCharged ? ", charged" : "")"
        )
        return reply
    }

    private func fulfil(_ sale: Sale) -> Reply {
        if dice.chance(faults.refusal) { return refuse(sale) }
        if dice.chance(faults.failure) {
            return doubt(sale, answer(dice.pick([500, 502, 504, 408, 520]), ["error": ["message": "boom"]]))
        }
        if dice.chance(faults.nonsense) { return doubt(sale, nonsense()) }
        let made = dice.chance(faults.partialDelivery) ? dice.number(1...sale.count) : sale.count
        sale.isCharged = true
        if language.isQueue, !(language == .replicate && dice.chance(0.3)) {
            sale.pictures = (0..<made).map { _ in world.newPicture(at: language, hasLink: true) }
            return queue(sale)
        }
        return deliver(sale, made)
    }

    /// Says clearly that nothing was done.
    private func refuse(_ sale: Sale) -> Reply {
        let status = dice.pick([400, 401, 402, 403, 404, 422, 429, 429, 503, 503, 200])
        let code: JSONValue = status == 200 ? "rate_limit_exceeded" : status == 403 ? "content_policy_violation" : .null
        return Reply(answer: answer(status, ["error": ["message": "no", "code": code]])) { sale.verdict = .refused }
    }

    /// Says something that may mean anything.
    private func doubt(_ sale: Sale, _ answer: Answer) -> Reply {
        sale.isCharged = dice.chance(0.5)
        return Reply(answer: answer) { [world] in
            sale.verdict = .doubtful
            world.doubts.insert(sale.jobID)
        }
    }

    private func nonsense() -> Answer {
        switch dice.number(0...4) {
        case 0: Answer(status: 200, fields: [:], body: .text("<html><title>Welcome</title></html>"))
        case 1: Answer(status: 200, fields: [:], body: .empty)
        case 2: answer(200, ["ok": true])
        case 3: answer(200, ["error": ["message": "something"]])
        default: Answer(status: 302, fields: ["location": "/"], body: .empty)
        }
    }

    private func deliver(_ sale: Sale, _ made: Int) -> Reply {
        var files: [SpooledFile] = []
        var items: [JSONValue] = []
        let isBody = language.isInline && sale.count == 1 && dice.chance(0.1)
        for _ in 0..<made {
            let isInline = isBody || language.isInline && dice.chance(0.5)
            let picture = world.newPicture(at: language, hasLink: !isBody && (!isInline || dice.chance(0.3)))
            sale.pictures.append(picture)
            if isInline {
                picture.isInlineFlawed = dice.chance(faults.noImage)
                files.append(picture.isInlineFlawed ? world.tools.noImage : picture.file)
            }
            items.append(language.item(picture.url, inline: isInline ? files.count - 1 : nil))
        }
        let answer =
            isBody
            ? Answer(status: 200, fields: [:], body: .image(mediaType: "image/png"))
            : answer(200, language.images(items))
        return Reply(answer: answer, files: files) {
            sale.verdict = .delivered
            for picture in sale.pictures { picture.isHeard() }
        }
    }

    private func queue(_ sale: Sale) -> Reply {
        let now = world.now
        var work = Sale.Work(
            id: world.newTask(of: sale), end: .images, endsAt: now + dice.duration(.milliseconds(300)...(.seconds(90))))
        if dice.chance(faults.taskIsLate) {
            work.end = dice.pick([.images, .never])
            work.endsAt = now + dice.duration(.seconds(200)...(.seconds(900)))
        }
        if dice.chance(faults.taskFails) {
            work.end = .failure
            sale.isCharged = dice.chance(0.5)
        }
        if dice.chance(faults.taskGone) { work.goneAt = now + dice.duration(.seconds(1)...(.seconds(300))) }
        sale.task = work
        return Reply(answer: answer(dice.pick([200, 201, 202]), language.queued(work.id))) { sale.verdict = .queued }
    }

    // MARK: Questions

    /// Answers a question about a task.
    func answer(_ request: UpstreamRequest) -> Reply {
        guard let sale = world.sale(ofTaskIn: request.url), let work = sale.task else {
            world.violate("a task is asked about that does not exist", request.url)
            return Reply(answer: answer(404, [:]))
        }
        var reply: Reply
        if request.method != .get {
            reply = cancel(sale, work)
        } else if language.hasResultRequest, request.url.hasSuffix(language == .queue ? "/result" : "/\(work.id)") {
            reply = result(sale, work)
        } else {
            world.checkPoll(sale)
            reply = status(sale, work)
        }
        reply.work = world.latency(upTo: .milliseconds(500))
        world.trace(
            "\(language): \(request.method.rawValue) \(work.id): \(reply.answer.status), it is \(work.state(at: world.now))"
        )
        return reply
    }

    /// The sale of the task that a question is about.
    func sale(_ request: UpstreamRequest) -> Sale? { world.sale(ofTaskIn: request.url) }

    private func status(_ sale: Sale, _ work: Sale.Work) -> Reply {
        var state = work.state(at: world.now)
        if state != .gone, work.lostPolls < World.lostPollsInRow, dice.chance(faults.staleStatus) {
            sale.task?.lostPolls += 1
            return Reply(answer: answer(200, language.status(.waiting, work.id, [])))
        }
        if state == .gone, ![.bfl, .dashscope].contains(language) {
            return Reply(answer: answer(404, ["detail": "no such task"])) { [world] in world.doubts.insert(sale.jobID) }
        }
        if state == .finished, language.hasResultRequest {
            return Reply(answer: answer(200, language.status(.finished, work.id, [])))
        }
        if state == .cancelled, language == .queue || language == .bfl { state = .failed }
        let items = sale.pictures.map { language.item($0.url, inline: nil) }
        let missing = Array(repeating: language.missingItem, count: sale.count - items.count).compactMap(\.self)
        return Reply(answer: answer(200, language.status(state, work.id, missing + items))) { [world] in
            sale.task?.lostPolls = 0
            if state != .waiting { world.isHeard(sale, state) }
        }
    }

    private func result(_ sale: Sale, _ work: Sale.Work) -> Reply {
        switch work.state(at: world.now) {
        case .gone:
            return Reply(answer: answer(404, ["detail": "no such task"])) { [world] in world.doubts.insert(sale.jobID) }
        case .finished:
            let items = sale.pictures.map { language.item($0.url, inline: nil) }
            return Reply(answer: answer(200, language.images(items))) { [world] in
                sale.task?.lostPolls = 0
                world.isHeard(sale, .finished)
            }
        case .waiting, .failed, .cancelled:
            return Reply(answer: answer(202, ["status": "IN_PROGRESS", "state": "busy"]))
        }
    }

    private func cancel(_ sale: Sale, _ work: Sale.Work) -> Reply {
        if dice.chance(faults.failure) { return Reply(answer: answer(500, ["detail": "boom"])) }
        guard work.state(at: world.now) == .waiting else {
            return Reply(answer: answer(language == .replicate ? 200 : 400, ["status": "ALREADY_COMPLETED"]))
        }
        if dice.chance(0.8) {
            sale.task?.cancelledAt = world.now
            // The others may charge for what had begun.
            if language.cancelsForFree || dice.chance(0.5) { sale.isCharged = false }
        }
        return Reply(answer: answer(202, ["status": "CANCELLATION_REQUESTED"]))
    }

    private func answer(_ status: Int, _ json: JSONValue) -> Answer {
        Answer(status: status, fields: ["content-type": "application/json"], body: .json(json))
    }
}

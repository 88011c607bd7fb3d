import Files
import HTTP
import HTTPServer
import JSON
import LibEvent
import YAML

/// The gateway itself, as one configuration has it: one request in, one response out.
///
/// It keeps nothing from one request to the next: a reload puts another in its place, and what has to live on belongs to
/// the parts that all of them share.
///
/// Read ``respond(to:body:peer:)`` from top to bottom to know what happens to a request; whatever a request ought to
/// meet on its way is a line there.
@EventLoop
final class Gateway: RequestHandler {
    private let configuration: Configuration
    private let ledger: Ledger
    private let keys: Keys
    private let bodies: BodyReader
    private let inputs: Inputs
    private let reception: Reception
    private let fulfilment: Fulfilment
    private let files: FileServer
    private let desk: JobDesk
    private let metrics: MetricsPage
    private let meter: Meter
    private let clock: WallClock
    private let log: Log

    init(
        configuration: Configuration, ledger: Ledger, keys: Keys, bodies: BodyReader, inputs: Inputs,
        reception: Reception, fulfilment: Fulfilment, files: FileServer, metrics: MetricsPage, meter: Meter,
        clock: WallClock, log: Log
    ) {
        self.configuration = configuration
        self.ledger = ledger
        self.keys = keys
        self.bodies = bodies
        self.inputs = inputs
        self.reception = reception
        self.fulfilment = fulfilment
        self.files = files
        desk = JobDesk(
            configuration: configuration, ledger: ledger, jobs: reception.jobs, files: files, clock: clock, log: log)
        self.metrics = metrics
        self.meter = meter
        self.clock = clock
        self.log = log
    }

    /// The longest body, in bytes, that is read although its request is going to be refused.
    static let smallBody = 1 << 20

    /// Answers a request; every failure on the way becomes the OpenAI-shaped error that SDKs understand.
    func respond(to request: consuming Request, body: RequestBody, peer: Peer) async -> Response {
        let id = RequestID.make(at: clock.now)
        let asker = asker(of: request)
        let response =
            switch await receive(consume request, body, peer, id) {
            // From a request for images to the images: it is a job by now, or belongs to one.
            case .visit(let visit): await desk.answer(visit, peer)
            case .answer(let response): response
            }
        return signed(response, id, for: asker)
    }

    /// Who sent a request, as far as every answer depends on it; the request is not kept for as long as that takes.
    private struct Asker {
        let key: Secret?
        let isBrowser: Bool
    }

    @inline(never)
    private func asker(of request: Request) -> Asker {
        Asker(key: Credentials.key(in: request.fields), isBrowser: CrossOrigin.isMeant(by: request))
    }

    /// An answer with the fields that every answer has.
    ///
    /// Not inlined, as nothing is that only begins or ends a long wait: it would take up memory all the while.
    @inline(never)
    private func signed(_ response: Response, _ id: String, for asker: Asker) -> Response {
        var response = response
        response.fields["x-request-id"] = response.fields["x-request-id"] ?? id
        if let caller = asker.key.flatMap(keys.remembered) { reception.jobs.uses.describe(caller, in: &response) }
        if asker.isBrowser { CrossOrigin.allow(&response) }
        return response
    }

    /// What a request comes to before anything is waited for.
    private enum Arrival {
        case visit(JobDesk.Visit)
        case answer(Response)
    }

    /// Understands a request for images, and does what it asks for unless it is done already; answers any other.
    @inline(never)
    private func receive(
        _ request: consuming Request, _ body: RequestBody, _ peer: Peer, _ id: String
    ) async -> Arrival {
        let request = consume request
        // What asks for images is waited with for minutes, and should have little on its stack then.
        guard request.method != .post else { return await apart { await self.arrival(request, body, peer, id) } }
        return await arrival(request, body, peer, id)
    }

    @inline(never)
    private func arrival(
        _ request: Request, _ body: RequestBody, _ peer: Peer, _ id: String
    ) async -> Arrival {
        do throws(GatewayError) {
            guard let creation = try creation(askedBy: request) else { return .answer(try await tell(request, peer)) }
            return .visit(try await admit(creation, request, body, id))
        } catch {
            meter.counts.refused(error)
            return .answer(Response(error))
        }
    }

    /// `nil` for a request that asks for nothing new.
    private func creation(askedBy request: Request) throws(GatewayError) -> Endpoint.Creation? {
        request.method == .post ? try endpoint(of: request).creation : nil
    }

    private func endpoint(of request: Request) throws(GatewayError) -> Endpoint {
        guard let endpoint = Endpoint(path: request.path) else {
            throw .unknownPath(request.method, String(request.path))
        }
        guard endpoint.allows(request.method) else {
            throw .wrongMethod(request.method, String(request.path), allowed: endpoint.methods)
        }
        return endpoint
    }

    /// Answers a request that asks for nothing new.
    @inline(never)
    private func tell(_ request: Request, _ peer: Peer) async throws(GatewayError) -> Response {
        guard request.method != .options else { return CrossOrigin.preflight(request) }
        switch try endpoint(of: request) {
        case .generations, .edits, .variations: throw .unknownPath(request.method, String(request.path))
        case .models: return ModelsAnswer.list(configuration, for: try await keys.caller(of: request))
        case .model(let name):
            let caller = try await keys.caller(of: request)
            return request.method == .delete
                ? try ModelsAnswer.kept(name, configuration, for: caller)
                : try ModelsAnswer.one(name, configuration, for: caller)
        case .job(let id):
            let caller = try await keys.caller(of: request)
            return request.method == .delete
                ? try await desk.cancel(id, for: caller) : try await desk.show(id, to: caller)
        case .file(let token, let fileExtension): return try await files.serve(token, fileExtension, request)
        case .input(let token, let fileExtension): return try await files.serveInput(token, fileExtension, request)
        case .health, .root: return .json(["status": "ok"])
        case .readiness: return try await readiness()
        case .metrics: return try await metrics.response(to: request, from: peer)
        }
    }

    /// Who asks, what for, and whether it is new.
    private func admit(
        _ creation: Endpoint.Creation, _ request: Request, _ body: RequestBody, _ id: String
    ) async throws(GatewayError) -> JobDesk.Visit {
        let caller = try await keys.caller(of: request)
        let marks = try RetryMarks(request.fields)
        let refusal = try refusal(of: caller, marks, body)
        let hold = reception.jobs.uses.bytes.hold(for: caller.id, within: configuration.limits.holdings)
        let values = try await bodies.read(request, body, hold).completed(by: creation.standIns)
        let (submission, patience) = try await submission(creation, values, request, marks, caller)
        let admission = try await reception.admit(
            Reception.Arrival(
                id: id, key: caller, submission: submission, retryCount: marks.retryCount, refusal: refusal,
                memory: configuration.idempotency, fulfilment: fulfilment))
        return JobDesk.Visit(admission, submission, patience)
    }

    /// Counts a request towards its key's limits, and tells what speaks against a job of its own.
    ///
    /// - Throws: The same, where that is known before a large body has been sent. A small one is read all the same, as is
    ///   that of a repetition: only what it asks for tells which job it belongs to, and whose repetition the next will be.
    private func refusal(
        of caller: KeyRecord, _ marks: RetryMarks, _ body: RequestBody
    ) throws(GatewayError) -> GatewayError? {
        do throws(GatewayError) {
            try reception.jobs.uses.countRequest(of: caller)
            try reception.jobs.uses.checkJobs(of: caller)
            guard reception.jobs.count < configuration.limits.jobs else {
                throw GatewayError.full("jobs under way", setting: "limits.jobs")
            }
            return nil
        } catch {
            guard marks.mayBeRepetition || body.contentLength ?? .max <= Self.smallBody else { throw error }
            return error
        }
    }

    /// Understands a request's values: the model, the order, its images, and how long its client waits for them.
    private func submission(
        _ creation: Endpoint.Creation, _ values: RequestValues, _ request: Request, _ marks: RetryMarks,
        _ caller: KeyRecord
    ) async throws(GatewayError) -> (Submission, Patience) {
        let reader = OrderReader(values)
        let references = try ImageReference.all(in: values)
        let operation = references.images.isEmpty ? creation.operation : .edit
        guard operation == .generate || !references.images.isEmpty else { throw .missing("image") }
        guard references.images.count <= configuration.limits.images else {
            throw .invalid(
                "image",
                "Too many images: \(references.images.count). At most \(configuration.limits.images) are taken.")
        }
        let name = try configuration.modelName(asked: reader.model() ?? creation.model, for: operation)
        let model = try configuration.model(name, for: caller)
        var order = try reader.order(operation, model: model.name)
        var files = values.externals
        var (pictures, maskPicture) = ([Fingerprint.Picture](), Fingerprint.Picture?.none)
        for reference in references.images {
            let (input, file) = try await inputs.resolve(reference)
            order.images.append(input)
            if let file { files.append(file) }
            if let picture = Fingerprint.Picture(input, file) { pictures.append(picture) }
        }
        if let mask = references.mask {
            let (input, file) = try await inputs.resolve(mask)
            order.mask = input
            if let file { files.append(file) }
            maskPicture = Fingerprint.Picture(input, file)
        }
        let isStrict = try Strictness.isWanted(request.fields, byOwner: configuration.strict)
        let unknownNames = reader.unknownNames
        if isStrict, let unknown = unknownNames.first {
            throw .invalid(unknown, "Unknown parameter: '\(unknown)'.", code: "unknown_parameter")
        }
        let delivery = try reader.delivery(model: name)
        let fingerprint = Fingerprint(
            order: order, images: pictures, mask: maskPicture, delivery: delivery, isStrict: isStrict,
            unknown: reader.values(of: unknownNames))
        // A stream tells the client on its way how things are.
        let patience =
            order.isStreamed ? .endless : Patience(request.fields, answerWithin: configuration.answerWithin)
        let submission = Submission(
            order: order, delivery: delivery, isStrict: isStrict, unknownNames: unknownNames,
            imageNames: references.images.map(\.parameter), files: files, requestLength: values.bodyLength,
            hold: values.hold, idempotencyKey: marks.idempotencyKey, fingerprint: fingerprint.digest,
            allowsUnknownPrices: caller.limits.allowsUnknownPrices, wantsReceipt: patience.needsReceipt(for: order),
            stopsWhenAbandoned: model.onDisconnect == .cancel)
        return (submission, patience)
    }

    private func readiness() async throws(GatewayError) -> Response {
        do { _ = try await ledger.jobs(limit: 1) } catch { throw unreadable(error) }
        return .json(["status": "ready"])
    }

    private func unreadable(_ error: any Error) -> GatewayError {
        log.error("cannot read the ledger", ["error": "\(error)"])
        return .internalFailure("The gateway cannot read its database.")
    }

    // MARK: What the server itself has to say

    /// A request that is not HTTP as it should be gets the same kind of answer as any other mistake.
    func response(to rejection: Rejection) -> Response {
        var response = Response(
            GatewayError(status: rejection.status, code: rejection.code, message: rejection.message))
        response.fields["x-request-id"] = RequestID.make(at: clock.now)
        return response
    }

    /// One line of the log for each exchange; and whoever comes back for an answer that did not arrive is expected.
    func finished(_ exchange: Exchange) {
        if exchange.request?.method == .post, let jobID = exchange.answerFields["x-request-id"] {
            reception.sent(
                jobID, inFull: exchange.isComplete && !exchange.clientLeft, isSuccess: exchange.status.isSuccess)
        }
        let path = exchange.request?.path
        meter.counts.requestEnded(RequestKind(exchange.request?.method, path), exchange.status)
        log.info(
            "request",
            [
                "request.id": exchange.answerFields["x-request-id"] ?? "",
                "method": exchange.request?.method.rawValue ?? "",
                "path": path.map { $0.hasPrefix("/files/") ? "/files/…" : String($0) } ?? "",
                "status": String(exchange.status.rawValue),
                "bytes.in": String(exchange.receivedBytes), "bytes.out": String(exchange.sentBytes),
                "duration.ms": String(exchange.duration.milliseconds),
                "client.left": exchange.clientLeft ? "true" : "",
            ])
    }
}

extension Endpoint {
    fileprivate func allows(_ method: Method) -> Bool {
        methods.contains(method) || (method == .head && methods.contains(.get))
    }
}

extension Configuration {
    /// The name of the model that a request means: the one it tells, or the owner's default for clients that tell none.
    fileprivate func modelName(
        asked: String?, for operation: ImageOrder.Operation
    ) throws(GatewayError) -> String {
        guard let name = asked ?? (operation == .edit ? defaults.edit : defaults.generate) else {
            throw .missing("model")
        }
        return name
    }

    /// The model of that name, if the caller may use it.
    fileprivate func model(_ name: String, for caller: KeyRecord) throws(GatewayError) -> Model {
        guard let model = model(named: name), caller.mayUse(model.name) else {
            throw .unknownModel(name, suggestion: suggestion(for: name, among: names(for: caller)))
        }
        return model
    }
}

extension KeyRecord {
    /// Whether the key's owner may use a model.
    func mayUse(_ model: String) -> Bool { models?.contains(model) ?? true }
}

import YAML

/// The dialects of `config/dialects`, which are inside the binary too.
enum BuiltinDialects {
    /// Every file by its name without the extension; a test holds this list against the folder.
    static let files: [(name: String, text: [UInt8])] = [
        ("ark", PackageResources.ark_yaml),
        ("azure-openai", PackageResources.azure_openai_yaml),
        ("bfl", PackageResources.bfl_yaml),
        ("bizyair", PackageResources.bizyair_yaml),
        ("dashscope", PackageResources.dashscope_yaml),
        ("dashscope-async", PackageResources.dashscope_async_yaml),
        ("dmxapi", PackageResources.dmxapi_yaml),
        ("fal", PackageResources.fal_yaml),
        ("gemini", PackageResources.gemini_yaml),
        ("localai", PackageResources.localai_yaml),
        ("minimax", PackageResources.minimax_yaml),
        ("modelscope", PackageResources.modelscope_yaml),
        ("modelverse", PackageResources.modelverse_yaml),
        ("modelverse-2025-10", PackageResources.modelverse_2025_10_yaml),
        ("openai", PackageResources.openai_yaml),
        ("qwen-image-edit-2509", PackageResources.qwen_image_edit_2509_yaml),
        ("replicate", PackageResources.replicate_yaml),
        ("sandbox", PackageResources.sandbox_yaml),
        ("sd-server", PackageResources.sd_server_yaml),
        ("seaart", PackageResources.seaart_yaml),
        ("sglang", PackageResources.sglang_yaml),
        ("siliconflow", PackageResources.siliconflow_yaml),
        ("stability", PackageResources.stability_yaml),
        ("together", PackageResources.together_yaml),
        ("vllm-omni", PackageResources.vllm_omni_yaml),
        ("zhipu", PackageResources.zhipu_yaml),
    ]

    /// Compiles those that are wanted, or all of them.
    ///
    /// - Returns: The catalog, which the owner's own dialects add to.
    /// - Throws: The mistakes in them: only a build that no test has seen has any.
    static func catalog(of wanted: Set<String>? = nil) throws(MistakeList) -> DialectCatalog {
        let isWanted = { (name: String) in wanted?.contains(name) ?? true }
        var catalog = DialectCatalog(others: files.map(\.name).filter { !isWanted($0) })
        for file in files where isWanted(file.name) {
            catalog.add(try DialectCompiler.compile(text: file.text, name: file.name, file: "\(file.name).yaml").get())
        }
        return catalog
    }
}

extension DialectCompiler {
    /// Compiles a file's text.
    ///
    /// - Parameters:
    ///   - text: YAML, as UTF-8.
    ///   - name: What providers in the configuration call the dialect: the file's name without its extension.
    ///   - file: The file's name as the owner knows it, for messages.
    /// - Returns: The dialect, or all of the file's mistakes at once.
    static func compile(text: [UInt8], name: String, file: String) -> Result<Dialect, MistakeList> {
        do throws(YAMLError) {
            return compile(try Document.parse(text), name: name, file: file)
        } catch {
            return .failure(MistakeList(all: [Mistake(file: file, position: error.position, message: error.message)]))
        }
    }
}

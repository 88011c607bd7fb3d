import CVips
func probe() -> String { unsafe String(cString: vips_version_string()) }

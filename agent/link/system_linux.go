package link

// systemSettings: on Linux they stand in files, see systemProxyFiles.
func systemSettings() settings { return nil }

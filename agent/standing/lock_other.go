//go:build !linux && !darwin && !windows

package standing

func lockFile(string) (func(), error) { return func() {}, nil }

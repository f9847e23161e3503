//go:build !linux

package notify

// unsent is not told by this system: the time that a connection has stood counts
// alone.
func (w *wire) unsent() int64 { return 0 }

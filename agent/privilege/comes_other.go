//go:build darwin || windows

package privilege

func lineage(pid int) (parent int, started uint64, err error) {
	k, err := processes{}.look(pid)
	return k.parent, k.started, err
}

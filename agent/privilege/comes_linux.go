package privilege

func lineage(pid int) (parent int, started uint64, err error) {
	s, err := readStat(pid)
	return s.ppid, s.started, err
}

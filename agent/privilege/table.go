package privilege

// fact is one process in the table of a system that has nothing better to hold
// processes together than their sessions.
type fact struct {
	pid, parent, group, session int
	started                     uint64 // in microseconds since 1970 on macOS
	dead                        bool   // it only waits to be asked how it ended
}

// tableMembers are the processes of a tree whose first one opened a session of its
// own: those below it, in its session or group, and in sessions that one of them
// opened. One that leaves its session and its parents at once is missed. When somebody
// began is told by the clock of the machine, which can be set back: nobody leaves a
// session by that whose leader lives.
func tableMembers(ref TreeRef, self int, all []fact) []int {
	if ref.PID <= 1 {
		return nil // planned and never started
	}
	in := map[int]bool{}
	for _, p := range all {
		if p.pid == ref.PID && p.started == ref.Started {
			in[p.pid] = true
		}
	}
	leads := func(id int) bool { return id > 1 && (in[id] || id == ref.PID) }
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.pid] || p.pid == self || p.pid <= 1 || p.pid == ref.PID {
				continue
			}
			if in[p.session] || in[p.group] || p.started >= ref.Started && (in[p.parent] || leads(p.session) || leads(p.group)) {
				in[p.pid], grown = true, true
			}
		}
	}
	var pids []int
	for _, p := range all {
		if in[p.pid] && !p.dead {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

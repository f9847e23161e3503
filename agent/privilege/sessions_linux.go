package privilege

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// sessionMembers finds the processes of a tree where there is no cgroup: the
// first process, everything below it, everything in a session that it or one
// of those opened, and everything that still has the tree's mark in its
// environment. A program that cleans its environment and leaves its session
// and its parents is missed; that is why this kind comes last.
func sessionMembers(ref TreeRef) ([]int, error) {
	if ref.PID <= 1 {
		return nil, nil // planned and never started
	}
	all, err := allProcesses()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	in := map[int]bool{}
	first, ok := all[ref.PID]
	if ok && first.started == ref.Started {
		in[ref.PID] = true
	}
	for pid := range all {
		if hasMark(pid, ref.Name) {
			in[pid] = true
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, s := range all {
			if in[pid] || pid == self || s.started < ref.Started {
				continue
			}
			// A session counts when a member leads it; the user's own session,
			// which a held front end lives in, is led by nobody of the tree.
			if in[s.ppid] || s.session > 1 && in[s.session] {
				in[pid], grown = true, true
			}
		}
	}
	var pids []int
	for pid := range in {
		if all[pid].state != 'Z' {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func allProcesses() (map[int]stat, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	all := map[int]stat{}
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		s, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) || err != nil {
			continue // ended meanwhile
		}
		all[pid] = s
	}
	return all, nil
}

func hasMark(pid int, name string) bool {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false
	}
	want := []byte(treeMark + "=" + name)
	for v := range bytes.SplitSeq(raw, []byte{0}) {
		if bytes.Equal(v, want) {
			return true
		}
	}
	return false
}

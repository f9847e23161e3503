package privilege

// comesWithin is how far up from a process another one is looked for: sudo starts what
// it runs itself, or by one process of its own between.
const comesWithin = 4

// ComesFrom reports whether a process is another one, or was started by it by way of
// parents that all live. started tells the other one from a later one of its number.
func ComesFrom(pid, from int, started uint64) bool { return comesFrom(lineage, pid, from, started) }

func comesFrom(look func(pid int) (parent int, started uint64, err error), pid, from int, started uint64) bool {
	younger := ^uint64(0)
	for range comesWithin {
		if pid <= 1 || from <= 1 {
			return false
		}
		parent, began, err := look(pid)
		if err != nil || began > younger { // it has only got the number
			return false
		}
		if pid == from {
			return began == started
		}
		pid, younger = parent, began
	}
	return false
}
